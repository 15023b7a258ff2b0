"""The schema of `[tool.release-tools]`: every key, its valid values, and the messages for invalid ones."""

import difflib
import re
from collections.abc import Callable, Iterable, Mapping
from datetime import date
from typing import Any, Final

from release_tools.errors import Problem

TABLE: Final = "[tool.release-tools]"

# The other members of every archive.
TAKEN_NAMES: Final = frozenset({"LICENSE", "THIRD_PARTY_LICENSES"})

# The glibc versions that uv can select wheels for (`uv pip sync --help`, --python-platform).
GLIBC_FLOORS: Final = ("2.17", "2.28", *(f"2.{minor}" for minor in range(31, 41)))

# The subtable named after the only platform that can be built in a container.
CONTAINER_TABLE: Final = "linux-arm64"

# The subtable with the store that releases are mirrored to.
MIRROR_TABLE: Final = "mirror"

# An image with everything a build needs, for hints.
EXAMPLE_IMAGE: Final = "ghcr.io/astral-sh/uv:bookworm"


def is_text(value: object) -> bool:
    """Whether a value is a non-empty string without NUL, which no argument, variable or file name can contain."""
    return isinstance(value, str) and bool(value.strip()) and "\0" not in value


def is_text_list(value: object) -> bool:
    """Whether it is a list of such strings, possibly empty."""
    return isinstance(value, list) and all(map(is_text, value))


def value_at(content: Mapping[str, Any], *keys: str) -> object:
    """The value at nested keys, or the first that isn't a table on the way; an empty table if there is none."""
    found: object = content
    for key in keys:
        if not isinstance(found, Mapping):
            break
        found = found.get(key, {})
    return found


def table_at(content: Mapping[str, Any], *keys: str) -> Mapping[str, Any]:
    """The table at nested keys; an empty one if there is none."""
    table = value_at(content, *keys)
    return table if isinstance(table, Mapping) else {}


def is_image_name(value: object) -> bool:
    """Whether it can be an image name. One that starts with a dash would be parsed as an option."""
    return isinstance(value, str) and re.fullmatch(r"[A-Za-z0-9\[][\w./:@\[\]-]*", value, re.ASCII) is not None


def is_container_table(value: object) -> bool:
    """Whether the table has only known keys with valid values."""
    checks = {"container-image": is_image_name, "container-options": is_text_list}
    return isinstance(value, dict) and all(key in checks and checks[key](entry) for key, entry in value.items())


def is_url(value: object) -> bool:
    """Whether it is an http or https URL without user name, query and fragment."""
    return isinstance(value, str) and re.fullmatch(r"https?://[A-Za-z0-9.:\[\]-]+(/[^\s?#@]*)?", value) is not None


def _is_bucket(value: object) -> bool:
    # https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html
    return isinstance(value, str) and re.fullmatch(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]", value) is not None


def _is_prefix(value: object) -> bool:
    return isinstance(value, str) and re.fullmatch(r"(\w[\w.-]*(/\w[\w.-]*)*)?", value, re.ASCII) is not None


def _is_region(value: object) -> bool:
    return isinstance(value, str) and re.fullmatch(r"[a-z0-9-]+", value) is not None


# Every key of the table, and of the environment variables that override it: `MIRROR_URL` and so on.
MIRROR_KEYS: Final[dict[str, tuple[Callable[[object], bool], str]]] = {
    "url": (is_url, "the public URL of the mirror's folder, like https://downloads.example.com/app"),
    "bucket": (_is_bucket, "the name of an S3 bucket"),
    "endpoint": (is_url, "the URL of an S3 API, like https://ACCOUNT.r2.cloudflarestorage.com"),
    "prefix": (_is_prefix, "a path in the bucket without slashes at its ends, like downloads/app"),
    "region": (_is_region, "a region, like eu-central-1"),
}


def is_mirror_table(value: object) -> bool:
    """Whether the table has only known keys with valid values."""
    return isinstance(value, dict) and all(key in MIRROR_KEYS and MIRROR_KEYS[key][0](value[key]) for key in value)


def _is_command_list(value: object) -> bool:
    return isinstance(value, list) and all(is_text_list(command) and command for command in value)


def _is_positive_number(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value > 0


def _is_version(value: object) -> bool:
    return isinstance(value, str) and re.fullmatch(r"\d+(\.\d+)*", value) is not None


def is_executable_name(value: object) -> bool:
    """Whether it can name files, archives and release assets; GitHub replaces other characters in asset names."""
    return (
        isinstance(value, str)
        and re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]*", value) is not None
        and value.upper() not in TAKEN_NAMES
    )


def _is_variable_name(value: object) -> bool:
    return isinstance(value, str) and re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", value) is not None


def _is_version_output(value: object) -> bool:
    return isinstance(value, str) and value.count("{version}") == 1 and "\n" not in value


def _is_function_list(value: object) -> bool:
    return isinstance(value, list) and all(
        isinstance(item, str) and re.fullmatch(r"[\w.]+:\w+", item) is not None for item in value
    )


def _is_list_of_tables(*keys: str) -> Callable[[object], bool]:
    def fits(value: object) -> bool:
        return isinstance(value, list) and all(
            isinstance(entry, dict) and set(entry) == set(keys) and all(map(is_text, entry.values())) for entry in value
        )

    return fits


def _is_list_of_exceptions(value: object) -> bool:
    """Tables with an ID, a reason and the last day. A date with a time is another type of TOML."""
    return isinstance(value, list) and all(
        isinstance(entry, dict)
        and set(entry) == {"id", "reason", "expires"}
        and is_text(entry["id"])
        and is_text(entry["reason"])
        and type(entry["expires"]) is date
        for entry in value
    )


EXECUTABLE_NAME: Final = "a name of ASCII letters, digits, dots, dashes and underscores"

KEYS: Final[dict[str, tuple[Callable[[object], bool], str]]] = {
    "executable": (is_executable_name, EXECUTABLE_NAME),
    "version-output": (_is_version_output, 'one line with "{version}" in it, like "{executable}, version {version}"'),
    "hidden-imports": (is_text_list, "a list of module names"),
    "exclude-modules": (is_text_list, 'a list of module names or patterns, like ["package.tests", "package.*_test"]'),
    "exclude-files": (is_text_list, 'a list of patterns for paths in the bundle, like ["package/locale/**"]'),
    "whole-distributions": (is_text_list, "a list of the project's dependencies"),
    "size-limit-mib": (_is_positive_number, "a positive integer, in MiB"),
    "smoke-commands": (_is_command_list, 'a list of argument lists, like [["doctor"]]'),
    "test-suite": (is_text, "a folder of pytest tests"),
    "test-binary-variable": (_is_variable_name, "the name of an environment variable"),
    "test-arguments": (is_text_list, "a list of arguments for pytest"),
    "benchmarks": (is_text, "a folder with a benchmarks.toml"),
    "upx": (lambda value: isinstance(value, bool), "true or false"),
    "glibc-floor": (
        lambda value: value in GLIBC_FLOORS,
        f"a glibc version that uv can select wheels for, as a string: {', '.join(GLIBC_FLOORS)}",
    ),
    "macos-minimum": (_is_version, 'a macOS version, like "11.0"'),
    "parity": (_is_function_list, 'a list of functions without arguments, like ["package.module:function"]'),
    "allowed-messages": (_is_list_of_tables("message", "reason"), 'a list of tables {message = "…", reason = "…"}'),
    "allowed-findings": (
        _is_list_of_tables("check", "finding", "reason"),
        'a list of tables {check = "…", finding = "…", reason = "…"}',
    ),
    "allowed-vulnerabilities": (
        _is_list_of_exceptions,
        'a list of tables {id = "CVE-…", reason = "…", expires = 2030-01-31}, with a date without quotes',
    ),
    CONTAINER_TABLE: (
        is_container_table,
        f'a table {{container-image = "…", container-options = ["…"]}}, with an image such as {EXAMPLE_IMAGE}',
    ),
    MIRROR_TABLE: (
        is_mirror_table,
        f"a table with these keys: {'; '.join(f'{key}, {text}' for key, (_, text) in MIRROR_KEYS.items())}",
    ),
}


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """The end of a message about an unknown name: the most similar known one, if there is one."""
    close = difflib.get_close_matches(name, list(known), n=1)
    return f"; did you mean {close[0]!r}?" if close else ""


def table_problems(table: object) -> list[Problem]:
    """Every problem of the table: unknown keys, invalid values, or that it isn't a table."""
    if not isinstance(table, Mapping):
        return [Problem(what=f"{TABLE} is not a table", hint=f"write {TABLE} in single brackets, and its keys below")]
    problems = []
    for key, value in table.items():
        if key not in KEYS:
            what = f"unknown key {key!r} in {TABLE}{did_you_mean(key, KEYS)}"
            problems.append(Problem(what=what, hint=f"the keys are {', '.join(KEYS)}"))
        elif not KEYS[key][0](value):
            problems.append(Problem(what=f"{key} in {TABLE} is {value!r}", hint=f"write {KEYS[key][1]}"))
    return problems
