"""`output_schema`: the JSON Schema that the answer of an agent has to fit.

pydantic-ai shows the schema to the model but does not hold the answer against it; this does.
"""

from collections.abc import Mapping
from typing import Any

from agent_runner.errors import AgentFileError

type Schema = Mapping[str, Any]  # Any: JSON


def check_schema(schema: Schema) -> None:
    """Check that this is the JSON Schema of an object.

    Raises:
        AgentFileError: saying what about it is not.
    """
    from jsonschema import Draft202012Validator, SchemaError

    if schema.get("type") != "object":
        raise AgentFileError("output_schema: its type must be object")
    try:
        Draft202012Validator.check_schema(schema)
    except SchemaError as error:
        place = ".".join(["output_schema", *map(str, error.absolute_path)])
        raise AgentFileError(f"{place}: not a JSON Schema: {error.message}") from error


def find_violation(schema: Schema, answer: object) -> str | None:
    """Return what about the answer does not fit the schema, for the model to correct; None if it fits."""
    from jsonschema import Draft202012Validator
    from jsonschema.exceptions import best_match

    error = best_match(Draft202012Validator(schema).iter_errors(answer))
    return None if error is None else f"{error.json_path}: {error.message}"
