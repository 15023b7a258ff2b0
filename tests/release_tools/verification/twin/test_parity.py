"""What the app's functions return from source and in the twin, and what both find of the machine's own data."""

import dataclasses
from typing import Any

import pytest

from release_tools.settings import ReleaseSettings
from release_tools.verification.check import CheckFailedError, CheckSkippedError
from release_tools.verification.twin import system_data
from release_tools.verification.twin.parity import check_parity, first_difference
from release_tools.verification.twin.probe import ask
from release_tools.verification.twin.system_data import check_authorities, check_time_zones
from tests.release_tools.verification.twin.contexts import make_twin

# Any value that can be written as JSON.
Json = Any


def with_functions(settings: ReleaseSettings, *functions: str) -> ReleaseSettings:
    return dataclasses.replace(settings, parity=functions)


@pytest.mark.programs
def test_functions_that_return_the_same_pass(settings: ReleaseSettings) -> None:
    both = with_functions(settings, "platform:python_version", "gc:get_threshold")
    assert check_parity(make_twin(both)) == "2 functions equal"


@pytest.mark.programs
@pytest.mark.parametrize(
    ("prelude", "told"),
    [
        ("import sysconfig; sysconfig.get_scheme_names = lambda: ('nt',)", "differs at the whole: ['"),
        ("import sysconfig; sysconfig.get_scheme_names = lambda: 1 / 0", "fails when frozen: ZeroDivisionError"),
        ("import sysconfig; del sysconfig.get_scheme_names", "fails when frozen: AttributeError"),
        ("import sys; sys.modules['sysconfig'] = None", "fails when frozen: ModuleNotFoundError"),
    ],
    ids=["value", "error", "function", "module"],
)
@pytest.mark.shows_failing("parity")
def test_a_function_that_returns_something_else_is_named(settings: ReleaseSettings, prelude: str, told: str) -> None:
    with pytest.raises(CheckFailedError) as caught:
        check_parity(make_twin(with_functions(settings, "sysconfig:get_scheme_names"), prelude))
    assert "sysconfig:get_scheme_names" in caught.value.what
    assert told in caught.value.what


@pytest.mark.programs
@pytest.mark.parametrize(
    ("function", "told"),
    [("threading:current_thread", "_MainThread at the top is no JSON"), ("no_such:function", "ModuleNotFoundError")],
)
def test_a_function_that_cannot_be_compared_is_told(settings: ReleaseSettings, function: str, told: str) -> None:
    with pytest.raises(CheckFailedError, match=rf"it fails from source already: {function}: .*{told}"):
        check_parity(make_twin(with_functions(settings, function)))


def test_without_functions_the_check_says_so(settings: ReleaseSettings) -> None:
    with pytest.raises(CheckSkippedError, match="no parity functions are set"):
        check_parity(make_twin(settings))


@pytest.mark.parametrize(
    ("source", "frozen", "expected"),
    [
        ({"a": [1, {"b": 2}]}, {"a": [1, {"b": 3}]}, ("a[1].b", "2", "3")),
        ({"a": 1, "description": "it"}, {"a": 1}, ("description", "'it'", "nothing")),
        ({}, {"new": 1}, ("new", "nothing", "1")),
        ([1], [1, 2], ("the whole", "[1]", "[1, 2]")),
        ({"a": 1}, {"a": 1}, None),
    ],
)
def test_the_first_difference_is_told_with_its_place(
    source: Json, frozen: Json, expected: tuple[str, str, str] | None
) -> None:
    assert first_difference(source, frozen) == expected


WITHOUT_TZDATA = "import sys; sys.modules['tzdata'] = None"


@pytest.mark.programs
def test_time_zones_that_come_with_the_program_pass(settings: ReleaseSettings) -> None:
    assert check_time_zones(make_twin(settings, locked=("tzdata",))) == "Europe/Berlin without the system's files"


@pytest.mark.programs
@pytest.mark.shows_failing("time zones")
def test_time_zones_that_were_left_behind_are_found(settings: ReleaseSettings) -> None:
    with pytest.raises(CheckFailedError, match="there is no time zone Europe/Berlin: ZoneInfoNotFoundError"):
        check_time_zones(make_twin(settings, WITHOUT_TZDATA, locked=("tzdata",)))


@pytest.mark.programs
def test_a_program_without_zoneinfo_needs_no_time_zones(settings: ReleaseSettings) -> None:
    with pytest.raises(CheckSkippedError, match="does not use zoneinfo"):
        check_time_zones(make_twin(settings, "import sys; sys.modules['zoneinfo'] = None", locked=("tzdata",)))


@pytest.mark.parametrize("name", ["pluggy", "pluggy._hooks"])
def test_own_code_that_uses_zoneinfo_without_tzdata_is_named(settings: ReleaseSettings, name: str) -> None:
    # A distribution that is installed wherever these tests run stands for the project's own.
    context = make_twin(settings, modules={name: "from zoneinfo import ZoneInfo"}, project="pluggy")
    with pytest.raises(CheckFailedError) as caught:
        check_time_zones(context)
    assert caught.value.findings == (name,)


def test_a_dependency_that_uses_zoneinfo_without_tzdata_is_its_own_affair(settings: ReleaseSettings) -> None:
    context = make_twin(settings, modules={"other": "import zoneinfo", "pluggy": "import other"}, project="pluggy")
    with pytest.raises(CheckSkippedError):
        check_time_zones(context)


FOUND = {"is_bundled": True, "loaded": 100, "in_folder": 0, "places": ("/a/cert.pem", "/a/certs")}
NOTHING = {**FOUND, "loaded": 0}


def answering(monkeypatch: pytest.MonkeyPatch, twin: dict[str, Any], source: dict[str, Any]) -> None:
    def given(_context: object, _probe: str, _request: None, *, place: str = "twin") -> dict[str, Any]:
        return twin if place == "twin" else source

    monkeypatch.setattr(system_data, "ask", given)


def test_authorities_that_are_found_pass(settings: ReleaseSettings, monkeypatch: pytest.MonkeyPatch) -> None:
    answering(monkeypatch, FOUND, NOTHING)
    assert check_authorities(make_twin(settings)) == "100 authorities"
    answering(monkeypatch, {**NOTHING, "in_folder": 7}, NOTHING)
    assert check_authorities(make_twin(settings_in_another_folder(settings))) == "a folder of 7 files"


def settings_in_another_folder(settings: ReleaseSettings) -> ReleaseSettings:
    root = settings.root / "another"
    root.mkdir()
    return dataclasses.replace(settings, root=root)


@pytest.mark.shows_failing("CA certificates")
def test_a_program_that_trusts_nobody_is_found(settings: ReleaseSettings, monkeypatch: pytest.MonkeyPatch) -> None:
    answering(monkeypatch, NOTHING, FOUND)
    with pytest.raises(CheckFailedError, match=r"no certificate authorities in /a/cert\.pem or /a/certs"):
        check_authorities(make_twin(settings))


def test_a_machine_without_authorities_says_nothing(settings: ReleaseSettings, monkeypatch: pytest.MonkeyPatch) -> None:
    answering(monkeypatch, NOTHING, NOTHING)
    with pytest.raises(CheckSkippedError, match="this machine has no certificate authorities"):
        check_authorities(make_twin(settings))


@pytest.mark.programs
@pytest.mark.parametrize(("module", "verdict"), [("ssl", "does not use ssl"), ("", "")])
def test_the_probe_counts_what_a_connection_would_trust(settings: ReleaseSettings, module: str, verdict: str) -> None:
    prelude = "import os; os.environ.update(SSL_CERT_FILE='/none', SSL_CERT_DIR='/none')"
    context = make_twin(settings, f"{prelude}\nimport sys; sys.modules[{module or 'none'!r}] = None")
    answer = ask(context, "trusted_authorities", None)
    assert answer["is_bundled"] == (not verdict)
    assert answer.get("loaded", 0) == answer.get("in_folder", 0) == 0
