"""What `doctor` finds wrong with an installation."""

import sqlite3
import sys
from pathlib import Path

import pytest

from agent_runner import doctor_checks, durable, frozen
from agent_runner.doctor_checks import CheckFailedError


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere the operating system's own store is asked")
def test_a_machine_without_certificate_authorities_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SSL_CERT_FILE", raising=False)
    monkeypatch.setenv("SSL_CERT_DIR", str(tmp_path))

    with pytest.raises(CheckFailedError, match="no certificate authorities found") as caught:
        doctor_checks.check_tls()

    assert "ca-certificates" in str(caught.value.hint)


def test_a_certificate_file_that_does_not_exist_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", "/nonexistent")

    with pytest.raises(CheckFailedError, match="cannot load certificates"):
        doctor_checks.check_tls()


@pytest.mark.skipif(sys.platform == "win32", reason="it lists variables with env")
@pytest.mark.parametrize(
    ("name", "value"), [("_PYI_ARCHIVE_FILE", "x"), ("_MEIPASS2", "x"), ("LD_LIBRARY_PATH", "/bundle/_MEI1")]
)
def test_a_child_that_inherits_the_bundle_is_found(name: str, value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor_checks, "bundle_folder", lambda: Path("/bundle/_MEI1"))
    monkeypatch.setenv(name, value)

    with pytest.raises(CheckFailedError, match=f"a shell command inherits {name}"):
        doctor_checks.check_children()


def test_the_program_starts_itself_by_what_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    assert frozen.self_command("x") == [sys.executable, "-m", "agent_runner", "x"]
    monkeypatch.setattr(sys, "frozen", True, raising=False)
    assert frozen.self_command("x") == [sys.executable, "x"]


def test_an_old_sqlite_gets_the_function_that_dbos_needs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sqlite3, "sqlite_version_info", (3, 37, 2))
    assert durable.needs_unixepoch()
    monkeypatch.setattr(sqlite3, "sqlite_version_info", (3, 42, 0))
    assert not durable.needs_unixepoch()
    assert durable.unixepoch("subsec") == pytest.approx(durable.unixepoch("subsec"), abs=60)
