"""Generates `github_description.json`: the part of GitHub's own OpenAPI description that the tests use.

    npm pack @octokit/openapi && tar -xzf octokit-openapi-*.tgz
    python tests/release_tools/releasing/generate_github_description.py package

To describe one more endpoint, add it to ENDPOINTS and run this again. OpenAPI 3.0 isn't JSON Schema: `nullable` becomes
a union with null. Objects are closed, so that a property which GitHub doesn't have is an error too.
"""

import json
import sys
from pathlib import Path
from typing import Any, Final

REPOSITORY: Final = "/repos/{owner}/{repo}"
ENDPOINTS: Final = (
    "GET",
    "GET /actions/artifacts/{artifact_id}/{archive_format}",
    "GET /actions/runs",
    "GET /actions/runs/{run_id}",
    "GET /actions/runs/{run_id}/artifacts",
    "GET /actions/runs/{run_id}/jobs",
    "GET /actions/workflows/{workflow_id}",
    "POST /actions/workflows/{workflow_id}/dispatches",
    "GET /commits/{ref}",
    "GET /compare/{basehead}",
    "GET /git/matching-refs/{ref}",
    "GET /git/ref/{ref}",
    "DELETE /git/refs/{ref}",
    "GET /immutable-releases",
    "GET /releases",
    "POST /releases",
    "GET /releases/tags/{tag}",
    "GET /releases/{release_id}",
    "PATCH /releases/{release_id}",
    "DELETE /releases/{release_id}",
    "POST /releases/{release_id}/assets",
    "GET /releases/assets/{asset_id}",
    "DELETE /releases/assets/{asset_id}",
)
# The shapes of an error that an endpoint's description doesn't list.
ERRORS: Final = ("basic-error", "validation-error", "validation-error-simple")
OUTPUT: Final = Path(__file__).with_name("github_description.json")

# What the schemas lack and the description's own text has: "This may leave an empty asset with a state of `starter`."
ASSET_STATES: Final = ("uploaded", "open", "starter")

_DROPPED: Final = frozenset(
    {"default", "deprecated", "description", "discriminator", "example", "examples", "externalDocs", "format", "title"}
)
_JSON: Final = "application/json"


def main(package: Path) -> None:
    """Write the part from an unpacked `@octokit/openapi`."""
    description = json.loads((package / "generated" / "api.github.com.json").read_text(encoding="utf-8"))
    manifest = json.loads((package / "package.json").read_text(encoding="utf-8"))
    needed: dict[str, Any] = {}
    endpoints = {endpoint: _responses(description, endpoint, needed) for endpoint in ENDPOINTS}
    for name in ERRORS:
        _converted(description, {"$ref": f"#/components/schemas/{name}"}, needed)
    needed["release-asset"]["properties"]["state"]["enum"] = ASSET_STATES
    content = {
        "source": f"npm: {manifest['name']} {manifest['version']}",
        "license": f"{manifest['license']}, {_copyright(package)}",
        "endpoints": endpoints,
        "schemas": dict(sorted(needed.items())),
    }
    OUTPUT.write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def _copyright(package: Path) -> str:
    return (package / "LICENSE").read_text(encoding="utf-8").splitlines()[0].removeprefix("MIT License ")


def _responses(description: Any, endpoint: str, needed: dict[str, Any]) -> dict[str, Any]:
    """By status: the schema of the response's JSON, with what an example has of it; null for one without a body."""
    method, _, path = endpoint.partition(" ")
    responses = {}
    for status, described in description["paths"][REPOSITORY + path][method.lower()]["responses"].items():
        response = _resolved(description, described)
        body = response.get("content", {}).get(_JSON)
        responses[status] = body and {
            "schema": _converted(description, body["schema"], needed),
            "example": _required(description, body["schema"], _example(description, body)),
        }
    return responses


def _example(description: Any, body: Any) -> Any:
    examples = body.get("examples", {"": {"value": body.get("example")}})
    return _resolved(description, next(iter(examples.values())))["value"]


def _required(description: Any, schema: Any, example: Any) -> Any:
    """The part of an example that its schema requires, with one entry of each list."""
    schema = _resolved(description, schema)
    for part in schema.get("anyOf") or schema.get("allOf") or ():
        schema = schema | _resolved(description, part)
    if isinstance(example, dict):
        properties, names = schema.get("properties", {}), schema.get("required", ())
        return {
            name: _required(description, properties.get(name, {}), example[name]) for name in names if name in example
        }
    if isinstance(example, list):
        return [_required(description, schema.get("items", {}), entry) for entry in example[:1]]
    return example


def _resolved(description: Any, node: Any) -> Any:
    while "$ref" in node:
        target = description
        for key in node["$ref"].removeprefix("#/").split("/"):
            target = target[key]
        node = target
    return node


def _converted(description: Any, schema: Any, needed: dict[str, Any], *, is_part: bool = False) -> Any:
    """The schema as JSON Schema, with the named schemas that it refers to added to `needed`.

    A schema that `is_part` of another describes only some of its properties, and stays open.
    """
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2] + ("-open" if is_part else "")
        if name not in needed:
            needed[name] = None
            needed[name] = _converted(description, _resolved(description, schema), needed, is_part=is_part)
        return {"$ref": f"#/schemas/{name}"}
    converted: dict[str, Any] = {}
    for key, value in schema.items():
        if key == "properties":
            converted[key] = {name: _converted(description, part, needed) for name, part in value.items()}
        elif key in {"items", "not"} or (key == "additionalProperties" and isinstance(value, dict)):
            converted[key] = _converted(description, value, needed)
        elif key in {"allOf", "anyOf", "oneOf"}:
            open_parts = is_part or key == "allOf"
            # Which of several kinds an id is doesn't matter here.
            name = "anyOf" if key == "oneOf" else key
            converted[name] = [_converted(description, part, needed, is_part=open_parts) for part in value]
        elif key not in _DROPPED and not key.startswith("x-") and key != "nullable":
            converted[key] = value
    if "properties" in converted and not is_part:
        converted.setdefault("additionalProperties", False)
    return {"anyOf": [converted, {"type": "null"}]} if schema.get("nullable") else converted


if __name__ == "__main__":
    main(Path(sys.argv[1]))
