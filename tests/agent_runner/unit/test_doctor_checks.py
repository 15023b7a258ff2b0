"""Problems that the checks of `doctor` must find."""

import sqlite3
import sys
from pathlib import Path

import pytest

from agent_runner import doctor_checks, durable
from agent_runner.doctor_checks import CheckFailedError


@pytest.mark.skipif(sys.platform != "linux", reason="macOS and Windows have a system certificate store")
def test_missing_certificate_authorities_fail(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SSL_CERT_FILE", raising=False)
    monkeypatch.setenv("SSL_CERT_DIR", str(tmp_path))

    with pytest.raises(CheckFailedError) as caught:
        doctor_checks.check_tls()

    assert "ca-certificates" in str(caught.value.hint)


def test_missing_certificate_file_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", "/nonexistent")

    with pytest.raises(CheckFailedError) as caught:
        doctor_checks.check_tls()

    assert "SSL_CERT_FILE" in str(caught.value.hint)


@pytest.mark.skipif(sys.platform == "win32", reason="lists variables with env")
@pytest.mark.parametrize(
    ("name", "value"), [("_PYI_ARCHIVE_FILE", "x"), ("_MEIPASS2", "x"), ("LD_LIBRARY_PATH", "/bundle/_MEI1")]
)
def test_inherited_bundle_variable_fails(name: str, value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor_checks, "bundle_directory", lambda: Path("/bundle/_MEI1"))
    monkeypatch.setenv(name, value)

    with pytest.raises(CheckFailedError) as caught:
        doctor_checks.check_children()

    assert name in caught.value.message


def test_own_command_depends_on_freezing(monkeypatch: pytest.MonkeyPatch) -> None:
    assert doctor_checks.own_command("x") == [sys.executable, "-m", "agent_runner", "x"]
    monkeypatch.setattr(sys, "frozen", True, raising=False)
    assert doctor_checks.own_command("x") == [sys.executable, "x"]


@pytest.mark.parametrize(("version", "needs_unixepoch"), [((3, 37, 2), True), ((3, 42, 0), False)])
def test_old_sqlite_needs_unixepoch(
    monkeypatch: pytest.MonkeyPatch, version: tuple[int, int, int], needs_unixepoch: bool
) -> None:
    monkeypatch.setattr(sqlite3, "sqlite_version_info", version)

    assert durable.needs_unixepoch() is needs_unixepoch


def test_emulated_unixepoch_has_milliseconds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("time.time", lambda: 1_700_000_000.123456)

    assert durable.unixepoch("subsec") == 1_700_000_000.123
