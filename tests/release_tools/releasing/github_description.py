"""Compares a fake answer with GitHub's own description of its REST API.

`github_description.json` is generated from it (`generate_github_description.py`). The tests leave out what they don't
use: `completed` adds the properties that GitHub always sends, with the values of GitHub's example. What it adds never
replaces what a test says, so a wrong name or type is still found.
"""

import functools
import json
import re
from collections.abc import Mapping
from http import HTTPStatus
from pathlib import Path
from typing import Any, Final

import jsonschema

DESCRIPTION: Final[Mapping[str, Any]] = json.loads(
    Path(__file__).with_name("github_description.json").read_text(encoding="utf-8")
)
# A renamed repository is reached by its number.
_REPOSITORY: Final = re.compile("/(repos/[^/]+/[^/?]+|repositories/[0-9]+)")
# The names of branches and tags may contain slashes.
_WITH_SLASHES: Final = frozenset({"basehead", "branch", "ref", "tag"})
_ERRORS: Final = ("basic-error", "validation-error", "validation-error-simple")


def completed(method: str, path: str, status: int, content: object) -> object:
    """The content with everything else that GitHub requires in it."""
    if content is None:
        return None
    if status >= HTTPStatus.MULTIPLE_CHOICES:
        return _merged({"documentation_url": "https://docs.github.com/rest"}, content)
    response = _responses(method, path).get(str(status))
    return _merged(response["example"], content) if response else content


def description_problem(method: str, path: str, status: int, content: object) -> str | None:
    """What GitHub would never answer about this, by its description; None for a possible answer.

    Redirects and errors may come from any endpoint, in the form of GitHub's errors: the description lists only some.
    """
    request = f"{method} {path}: HTTP {status}"
    responses = _responses(method, path)
    is_error = status >= HTTPStatus.MULTIPLE_CHOICES
    if str(status) not in responses and not is_error:
        return f"{request} isn't an answer of this endpoint; those are {', '.join(responses) or 'not described'}"
    response = responses.get(str(status))
    if response is None and not is_error:
        return None if content is None else f"{request} has no body"
    if content is None:
        return None if is_error and response is None else f"{request} has a body"
    schema = response["schema"] if response else {"anyOf": [{"$ref": f"#/schemas/{name}"} for name in _ERRORS]}
    problem = _schema_problem(json.dumps(schema), json.dumps(content))
    return f"{request}: {problem}" if problem else None


def endpoint_of(method: str, path: str) -> str | None:
    """The endpoint of the description that a request is for, such as `GET /releases/{release_id}`."""
    relative = _REPOSITORY.sub("", path.partition("?")[0], count=1)
    return next((name for name, pattern in _patterns() if pattern.fullmatch(f"{method} {relative}".rstrip())), None)


def _responses(method: str, path: str) -> Mapping[str, Any]:
    return DESCRIPTION["endpoints"].get(endpoint_of(method, path), {})  # type: ignore[no-any-return]  # JSON


@functools.cache
def _patterns() -> list[tuple[str, re.Pattern[str]]]:
    """Endpoints and what requests for them look like; `releases/latest` before `releases/{release_id}`."""
    names = sorted(DESCRIPTION["endpoints"], key=lambda name: (name.count("{"), name))
    return [(name, re.compile(re.sub(r"\{(\w+)\}", _wildcard, name))) for name in names]


def _wildcard(parameter: re.Match[str]) -> str:
    return ".+" if parameter[1] in _WITH_SLASHES else "[^/]+"


@functools.lru_cache(maxsize=500)
def _schema_problem(schema: str, content: str) -> str | None:
    """What the schema doesn't allow; the tests send many answers more than once."""
    errors = sorted(_validator(schema).iter_errors(json.loads(content)), key=lambda error: len(error.path))
    return f"{errors[0].json_path}: {errors[0].message[:300]}" if errors else None


@functools.cache
def _validator(schema: str) -> jsonschema.Draft202012Validator:
    return jsonschema.Draft202012Validator({"schemas": DESCRIPTION["schemas"], **json.loads(schema)})


def _merged(example: Any, content: Any) -> Any:
    if isinstance(example, dict) and isinstance(content, dict):
        return {**example, **{name: _merged(example.get(name), value) for name, value in content.items()}}
    if isinstance(example, list) and isinstance(content, list) and example:
        return [_merged(example[0], entry) for entry in content]
    return content
