import dataclasses
from typing import Any

import pytest

from release_tools.settings import ReleaseSettings
from release_tools.verification.check import CheckFailedError, CheckSkippedError
from release_tools.verification.twin.parity import check_parity, first_difference
from tests.release_tools.verification.twin.contexts import make_twin

# Any value that JSON can represent.
Json = Any


def with_functions(settings: ReleaseSettings, *functions: str) -> ReleaseSettings:
    return dataclasses.replace(settings, parity=functions)


@pytest.mark.programs
def test_functions_with_equal_results_pass(settings: ReleaseSettings) -> None:
    both = with_functions(settings, "platform:python_version", "gc:get_threshold")
    assert check_parity(make_twin(both)) == "2 functions equal"


@pytest.mark.programs
@pytest.mark.parametrize(
    ("prelude", "problem"),
    [
        ("import sysconfig; sysconfig.get_scheme_names = lambda: ('nt',)", "['nt']"),
        ("import sysconfig; sysconfig.get_scheme_names = lambda: 1 / 0", "ZeroDivisionError"),
        ("import sysconfig; del sysconfig.get_scheme_names", "AttributeError"),
        ("import sys; sys.modules['sysconfig'] = None", "ModuleNotFoundError"),
    ],
    ids=["value", "error", "function", "module"],
)
@pytest.mark.shows_failing("parity")
def test_different_result_is_found(settings: ReleaseSettings, prelude: str, problem: str) -> None:
    with pytest.raises(CheckFailedError) as caught:
        check_parity(make_twin(with_functions(settings, "sysconfig:get_scheme_names"), prelude))
    assert caught.value.findings == ("sysconfig:get_scheme_names",)
    assert problem in caught.value.what


@pytest.mark.programs
@pytest.mark.parametrize(
    ("function", "problem"), [("threading:current_thread", "_MainThread"), ("no_such:function", "ModuleNotFoundError")]
)
def test_function_that_fails_from_source_is_found(settings: ReleaseSettings, function: str, problem: str) -> None:
    with pytest.raises(CheckFailedError) as caught:
        check_parity(make_twin(with_functions(settings, function)))
    assert caught.value.findings == (function,)
    assert problem in caught.value.what


def test_project_without_parity_functions_is_skipped(settings: ReleaseSettings) -> None:
    with pytest.raises(CheckSkippedError):
        check_parity(make_twin(settings))


@pytest.mark.parametrize(
    ("source", "frozen", "expected"),
    [
        ({"a": [1, {"b": 2}]}, {"a": [1, {"b": 3}]}, ("a[1].b", "2", "3")),
        ({"a": 1, "description": "it"}, {"a": 1}, ("description", "'it'", "nothing")),
        ({}, {"new": 1}, ("new", "nothing", "1")),
        ([1], [1, 2], ("the top level", "[1]", "[1, 2]")),
        ({"a": 1}, {"a": 1}, None),
    ],
)
def test_first_difference_has_a_path_and_both_values(
    source: Json, frozen: Json, expected: tuple[str, str, str] | None
) -> None:
    assert first_difference(source, frozen) == expected
