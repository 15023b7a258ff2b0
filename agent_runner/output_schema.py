"""`output_schema`: the JSON Schema that an agent's answer must match.

pydantic-ai sends the schema to the model, but doesn't validate the answer against it.
"""

from collections.abc import Mapping
from typing import Any

from agent_runner.errors import AgentFileError

type Schema = Mapping[str, Any]  # Any: JSON


def check_schema(schema: Schema) -> None:
    """Check that this is a JSON Schema for an object.

    Raises:
        AgentFileError: if it isn't, naming the keyword at fault.
    """
    from jsonschema import Draft202012Validator, SchemaError

    if schema.get("type") != "object":
        raise AgentFileError("output_schema: type must be 'object'")
    try:
        Draft202012Validator.check_schema(schema)
    except SchemaError as error:
        place = ".".join(["output_schema", *map(str, error.absolute_path)])
        raise AgentFileError(f"{place}: invalid JSON Schema: {error.message}") from error


def find_violation(schema: Schema, answer: object) -> str | None:
    """Return how the answer violates the schema, for the model to correct; None if it's valid."""
    from jsonschema import Draft202012Validator
    from jsonschema.exceptions import best_match

    error = best_match(Draft202012Validator(schema).iter_errors(answer))
    return None if error is None else f"{error.json_path}: {error.message}"
