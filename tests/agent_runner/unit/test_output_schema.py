"""Validating answers, with patterns and references that can't do harm."""

import pytest

from agent_runner.output_schema import check_schema, find_violation

CATASTROPHIC = "^(a+)+$"


@pytest.mark.parametrize(
    ("schema", "answer", "is_valid"),
    [
        ({"properties": {"a": {"pattern": "^b$"}}}, {"a": "b"}, True),
        ({"properties": {"a": {"pattern": "^b$"}}}, {"a": "c"}, False),
        ({"patternProperties": {"^x": {"type": "string"}}}, {"x1": 1}, False),
        ({"patternProperties": {"^x": {}}, "additionalProperties": False}, {"x": 1}, True),
        ({"patternProperties": {"^x": {}}, "additionalProperties": False}, {"y": 1}, False),
        ({"properties": {"a": {}}, "additionalProperties": {"type": "string"}}, {"a": 1, "b": "c"}, True),
        ({"additionalProperties": {"type": "string"}}, {"b": 1}, False),
        ({"$ref": "#/$defs/a", "$defs": {"a": {"required": ["b"]}}}, {}, False),
        ({"properties": {"a": {"pattern": CATASTROPHIC}}}, {"a": "a" * 5000 + "!"}, False),
        ({"patternProperties": {CATASTROPHIC: False}}, {"a" * 5000 + "!": 1}, True),
        ({"patternProperties": {CATASTROPHIC: {}}, "additionalProperties": False}, {"a" * 5000 + "!": 1}, False),
    ],
)
def test_answer_is_compared_with_schema(schema: dict[str, object], answer: object, is_valid: bool) -> None:
    schema = {"type": "object", **schema}

    check_schema(schema)
    assert (find_violation(schema, answer) is None) == is_valid
