"""Time zones and root certificates that the program finds without the system's files."""

from typing import Any

import pytest

from release_tools.settings import ReleaseSettings
from release_tools.verification.check import CheckFailedError, CheckSkippedError, Passed
from release_tools.verification.twin import system_data
from release_tools.verification.twin.probe import ask
from release_tools.verification.twin.system_data import check_authorities, check_time_zones
from tests.release_tools.verification.twin.contexts import make_twin

WITHOUT_TZDATA = "import sys; sys.modules['tzdata'] = None"


@pytest.mark.programs
def test_bundled_time_zones_pass(settings: ReleaseSettings) -> None:
    assert check_time_zones(make_twin(settings, locked=("tzdata",))) == "Europe/Berlin without the system's files"


@pytest.mark.programs
@pytest.mark.shows_failing("time zones")
def test_missing_time_zone_data_is_found(settings: ReleaseSettings) -> None:
    with pytest.raises(CheckFailedError) as caught:
        check_time_zones(make_twin(settings, WITHOUT_TZDATA, locked=("tzdata",)))
    assert "ZoneInfoNotFoundError" in caught.value.what
    assert caught.value.cure == 'whole-distributions = ["tzdata"]'


@pytest.mark.programs
def test_program_without_zoneinfo_is_skipped(settings: ReleaseSettings) -> None:
    with pytest.raises(CheckSkippedError):
        check_time_zones(make_twin(settings, "import sys; sys.modules['zoneinfo'] = None", locked=("tzdata",)))


@pytest.mark.parametrize("name", ["pluggy", "pluggy._hooks"])
def test_zoneinfo_without_locked_tzdata_is_noted(settings: ReleaseSettings, name: str) -> None:
    passed = check_time_zones(make_twin(settings, modules={name: "from zoneinfo import ZoneInfo"}, project="pluggy"))
    assert isinstance(passed, Passed)
    assert f" {name} " in passed.notes[0]


def test_zoneinfo_of_a_dependency_needs_no_tzdata(settings: ReleaseSettings) -> None:
    context = make_twin(settings, modules={"other": "import zoneinfo", "pluggy": "import other"}, project="pluggy")
    with pytest.raises(CheckSkippedError):
        check_time_zones(context)


FOUND = {"is_bundled": True, "loaded": 100, "in_folder": 0, "places": ("/a/cert.pem", "/a/certs")}
NOTHING = {**FOUND, "loaded": 0}


def fake_answers(monkeypatch: pytest.MonkeyPatch, twin: dict[str, Any], source: dict[str, Any]) -> None:
    def ask_fake(_context: object, _probe: str, _request: None, *, place: str = "twin") -> dict[str, Any]:
        return twin if place == "twin" else source

    monkeypatch.setattr(system_data, "ask", ask_fake)


@pytest.mark.parametrize(
    ("twin", "figure"), [(FOUND, "100 authorities"), ({**NOTHING, "in_folder": 7}, "a folder of 7 files")]
)
def test_found_authorities_pass(
    settings: ReleaseSettings, monkeypatch: pytest.MonkeyPatch, twin: dict[str, Any], figure: str
) -> None:
    fake_answers(monkeypatch, twin, NOTHING)
    assert check_authorities(make_twin(settings)) == figure


@pytest.mark.shows_failing("CA certificates")
def test_missing_authorities_are_found(settings: ReleaseSettings, monkeypatch: pytest.MonkeyPatch) -> None:
    fake_answers(monkeypatch, NOTHING, FOUND)
    with pytest.raises(CheckFailedError) as caught:
        check_authorities(make_twin(settings))
    assert caught.value.findings == FOUND["places"]


def test_machine_without_authorities_is_skipped(settings: ReleaseSettings, monkeypatch: pytest.MonkeyPatch) -> None:
    fake_answers(monkeypatch, NOTHING, NOTHING)
    with pytest.raises(CheckSkippedError):
        check_authorities(make_twin(settings))


NO_CERTIFICATES = "import os, sys; os.environ.update(SSL_CERT_FILE='/none', SSL_CERT_DIR='/none')"


@pytest.mark.programs
@pytest.mark.parametrize(("hidden", "is_bundled"), [("ssl", False), ("no_module", True)])
def test_probe_counts_trusted_authorities(settings: ReleaseSettings, hidden: str, is_bundled: bool) -> None:
    context = make_twin(settings, f"{NO_CERTIFICATES}; sys.modules[{hidden!r}] = None")
    answer = ask(context, "trusted_authorities", None)
    assert answer["is_bundled"] == is_bundled
    assert answer.get("loaded", 0) == answer.get("in_folder", 0) == 0
