import re

import pytest

from tests.release_tools.releasing.fake_github import OWNER_AND_NAME, UNDESCRIBED, Answer, FakeRepository, as_described
from tests.release_tools.releasing.fake_workflows import FakeWorkflowRepository
from tests.release_tools.releasing.github_description import DESCRIPTION, completed, description_problem, endpoint_of

RELEASES = f"/repos/{OWNER_AND_NAME}/releases"


@pytest.mark.parametrize(
    ("target", "endpoint"),
    [
        ("/101", "GET /releases/{release_id}"),
        ("?per_page=100&page=1", "GET /releases"),
        ("/tags/a/b", "GET /releases/tags/{tag}"),
        ("/unknown/endpoint", None),
    ],
)
def test_request_has_its_endpoint(target: str, endpoint: str | None) -> None:
    assert endpoint_of("GET", RELEASES + target) == endpoint
    assert endpoint_of("GET", f"/repositories/1/releases{target}") == endpoint


def test_every_described_endpoint_is_one_of_the_fakes() -> None:
    fake = FakeWorkflowRepository("main", "abc")
    routes = [pattern for pattern, _ in fake._routes({}, b"", is_stale=False, is_whole=True)]
    names = {name for endpoint in DESCRIPTION["endpoints"] for name in re.findall(r"\{(\w+)\}", endpoint)}
    values = {**dict.fromkeys(names, "1"), "basehead": "a...b", "archive_format": "zip"}
    for endpoint in DESCRIPTION["endpoints"]:
        requests = [endpoint.format_map({**values, "ref": ref}).rstrip() for ref in ("tags/x", "heads/x")]
        requests = [request if " " in request else f"{request} " for request in requests]
        assert any(re.fullmatch(route, request) for route in routes for request in requests), endpoint


def test_answer_is_completed_with_what_github_requires(repository: FakeRepository) -> None:
    release = repository.add_release(tag="tiny-v1.2.3", is_draft=True)
    repository.add_asset(release, "a.zip", b"content")
    full = completed("GET", RELEASES, 200, [release])
    assert isinstance(full, list)
    assert full[0]["assets"][0]["uploader"]["login"]
    assert full[0]["draft"] is True
    assert description_problem("GET", RELEASES, 200, full) is None


@pytest.mark.parametrize(
    ("method", "path", "status", "content"),
    [
        pytest.param("GET", "/1", 200, {"draft": "yes"}, id="wrong type"),
        pytest.param("GET", "/1", 200, {"is_draft": True}, id="unknown property"),
        pytest.param("GET", "/1", 200, {"assets": [{"state": "broken"}]}, id="unknown state of an asset"),
        pytest.param("GET", "/1", 200, [], id="list for an object"),
        pytest.param("GET", "/1", 200, None, id="no body"),
        pytest.param("GET", "/1", 202, None, id="unknown status"),
        pytest.param("DELETE", "/1", 204, {}, id="body of a 204"),
        pytest.param("POST", "/1", 200, {}, id="unknown endpoint"),
        pytest.param("GET", "/1", 404, {"reason": "Not Found"}, id="unknown property of an error"),
        pytest.param("POST", "", 422, {"message": "no", "errors": [{"field": "tag_name"}]}, id="error without a code"),
    ],
)
def test_answer_that_github_would_not_give_is_found(method: str, path: str, status: int, content: object) -> None:
    as_described(method, RELEASES + path, Answer(status=status, content=content))
    assert len(UNDESCRIBED) == 1
    UNDESCRIBED.clear()
