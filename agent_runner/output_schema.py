"""`output_schema`: the JSON Schema that an agent's answer must match.

pydantic-ai sends the schema to the model, but doesn't validate the answer against it.
"""

from collections.abc import Iterator, Mapping
from functools import cache
from typing import TYPE_CHECKING, Any

from agent_runner.errors import AgentFileError, shorten

if TYPE_CHECKING:
    from jsonschema import ValidationError
    from pydantic_core import SchemaValidator

type Schema = Mapping[str, Any]  # Any: JSON

# Their values are data, in which `$ref` and `pattern` mean nothing.
_DATA_KEYWORDS = ("const", "default", "enum", "examples")


def check_schema(schema: Schema) -> None:
    """Check that this is a self-contained JSON Schema for an object, which can be evaluated.

    Raises:
        AgentFileError: if it isn't, naming the keyword at fault.
    """
    from jsonschema import Draft202012Validator, SchemaError

    if schema.get("type") != "object":
        raise AgentFileError("output_schema: type must be 'object'", "wrap the answer: {type: object, properties: …}")
    for place, keyword, value in _keywords(schema, "output_schema"):
        if keyword in ("$ref", "$dynamicRef") and isinstance(value, str):
            _check_reference(schema, place, value)
        elif keyword == "pattern" and isinstance(value, str):
            _check_pattern(place, value)
        elif keyword == "patternProperties" and isinstance(value, dict):
            for pattern in value:
                _check_pattern(place, str(pattern))
    try:
        Draft202012Validator.check_schema(schema)
        find_violation(schema, {})
    except SchemaError as error:
        place = ".".join(["output_schema", *map(str, error.absolute_path)])
        raise AgentFileError(f"{place}: invalid JSON Schema: {shorten(error.message)}") from error
    except RecursionError as error:
        raise AgentFileError("output_schema: a $ref refers to itself, or is nested too deeply") from error


def find_violation(schema: Schema, answer: object) -> str | None:
    """Return how the answer violates the schema, for the model to correct; None if it's valid."""
    from jsonschema.exceptions import best_match

    error = best_match(_validator(schema).iter_errors(answer))
    return None if error is None else f"{error.json_path}: {error.message}"


def _keywords(schema: object, place: str) -> Iterator[tuple[str, str, object]]:
    """Yield the place, name and value of every keyword."""
    if isinstance(schema, list):
        for index, item in enumerate(schema):
            yield from _keywords(item, f"{place}.{index}")
    elif isinstance(schema, dict):
        for name, value in schema.items():
            inner = f"{place}.{name}"
            yield inner, str(name), value
            if name not in _DATA_KEYWORDS:
                yield from _keywords(value, inner)


def _check_reference(schema: Schema, place: str, reference: str) -> None:
    from referencing import Registry
    from referencing.exceptions import Unresolvable
    from referencing.jsonschema import DRAFT202012

    if not reference.startswith("#"):
        hint = "copy what it refers to into $defs, and refer to it as '#/$defs/NAME'"
        raise AgentFileError(f"{place}: {reference!r} is outside of the schema, and nothing is downloaded", hint)
    registry: Registry[Any] = Registry().with_resource("", DRAFT202012.create_resource(schema))
    try:
        registry.resolver().lookup(reference)
    except (Unresolvable, ValueError, TypeError) as error:
        raise AgentFileError(f"{place}: {reference!r} doesn't exist in the schema") from error


def _check_pattern(place: str, pattern: str) -> None:
    from pydantic_core import SchemaError

    try:
        _compile(pattern)
    except SchemaError as error:
        hint = "look-around and back-references aren't supported, because they can take forever"
        raise AgentFileError(f"{place}: invalid regular expression {pattern!r}", hint) from error


@cache
def _compile(pattern: str) -> "SchemaValidator":
    # Python's own expressions can take exponential time, in which nothing can interrupt them.
    from pydantic_core import SchemaValidator, core_schema

    return SchemaValidator(core_schema.str_schema(pattern=pattern, regex_engine="rust-regex"))


def _matches(pattern: str, text: str) -> bool:
    return _compile(pattern).isinstance_python(text)


def _check_text(_: object, pattern: str, instance: object, __: object) -> "Iterator[ValidationError]":
    from jsonschema import ValidationError

    if isinstance(instance, str) and not _matches(pattern, instance):
        yield ValidationError(f"{instance!r} does not match {pattern!r}")


def _check_matching(
    validator: Any,  # Any: of a class made at run time
    schemas: dict[str, object],
    instance: object,
    _: object,
) -> "Iterator[ValidationError]":
    for name, value in instance.items() if isinstance(instance, dict) else ():
        for pattern, schema in schemas.items():
            if _matches(pattern, name):
                yield from validator.descend(value, schema, path=name, schema_path=pattern)


def _check_additional(
    validator: Any,  # Any: of a class made at run time
    allowed: object,
    instance: object,
    schema: Schema,
) -> "Iterator[ValidationError]":
    from jsonschema import ValidationError

    patterns = schema.get("patternProperties", {})
    for name, value in instance.items() if isinstance(instance, dict) else ():
        if name in schema.get("properties", {}) or any(_matches(pattern, name) for pattern in patterns):
            continue
        if allowed is False:
            yield ValidationError(f"{name!r} isn't one of the allowed properties")
        else:
            yield from validator.descend(value, allowed, path=name)


def _validator(schema: Schema) -> Any:  # Any: of a class made at run time
    from jsonschema import Draft202012Validator
    from jsonschema.validators import extend
    from referencing import Registry

    keywords = {"pattern": _check_text, "patternProperties": _check_matching, "additionalProperties": _check_additional}
    checked = extend(Draft202012Validator, keywords)  # type: ignore[no-untyped-call]  # untyped in the stubs
    # An empty registry, because the default one downloads what it doesn't know.
    return checked(schema, registry=Registry())
