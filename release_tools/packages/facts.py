"""What packages say about an app, from its `pyproject.toml`, its repository and the published files."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from release_tools.errors import Problem, RequestError
from release_tools.installers.scripts import PublishedArchive
from release_tools.platforms import Platform
from release_tools.settings import ReleaseSettings, project_table
from release_tools.settings_schema import is_text

# The names of a project's page in [project.urls], best first. PyPI normalizes them like this.
_HOMEPAGES: Final = ("homepage", "home", "documentation", "docs", "repository", "source", "sourcecode", "github")
_ADDRESS: Final = re.compile(r"[^\s<>@]+@[^\s<>@]+\.[^\s<>@.]+")
_URL: Final = re.compile(r"https?://[^\s\"'<>]+")


@dataclass(frozen=True, kw_only=True)
class PackageFacts:
    """What every kind of package needs to know about a release.

    `owner` is a short name of the publisher, for identifiers, and `publisher` the full one. `repository_url` is None if
    the clone has no remote with a page.
    """

    executable: str
    version: str
    tag: str
    description: str
    license: str
    homepage: str
    owner: str
    publisher: str
    maintainer: str
    repository_url: str | None
    archives: Sequence[PublishedArchive]
    glibc_floor: str | None
    macos_minimum: str | None

    def archive_for(self, platform: Platform) -> PublishedArchive:
        return next(archive for archive in self.archives if archive.platform == platform)


def read_facts(
    settings: ReleaseSettings, tag: str, archives: Sequence[PublishedArchive], repository_url: str | None
) -> PackageFacts:
    """What packages say about the release of `settings.project_version`.

    Raises `RequestError` with everything that `pyproject.toml` lacks.
    """
    project = project_table(settings.pyproject)
    description = " ".join(str(project.get("description") or "").split())
    people = [_person(entry) for key in ("maintainers", "authors") for entry in project.get(key) or ()]
    publisher = next((name for name, _ in people if name), "")
    owner = repository_url.split("/")[-2] if repository_url else publisher
    homepage = _homepage(project) or repository_url or ""
    address = next((address for _, address in people if address), "")
    if not address and repository_url and repository_url.startswith("https://github.com/"):
        address = f"{owner}@users.noreply.github.com"
    problems = [
        Problem(what=f"[project] has no {what}", hint=f"add {example} to [project] in pyproject.toml")
        for value, what, example in (
            (description, "description", 'description = "What it does, in a line"'),
            (_license(project), "license", 'license = "MIT", as an SPDX expression,'),
            (homepage, "page", '[project.urls] with Homepage = "https://…"'),
            (publisher or owner, "author", 'authors = [{ name = "…", email = "…" }]'),
            (address, "author with an email address", 'authors = [{ name = "…", email = "…" }]'),
        )
        if not value
    ]
    if problems:
        raise RequestError("write packages", problems)
    publisher = publisher or owner
    return PackageFacts(
        executable=settings.executable,
        version=settings.project_version,
        tag=tag,
        description=description,
        license=_license(project),
        homepage=homepage,
        owner=owner,
        publisher=publisher,
        maintainer=f"{re.sub(r'[<>(),@]', '', publisher)} <{address}>",
        repository_url=repository_url,
        archives=tuple(archives),
        glibc_floor=settings.glibc_floor,
        macos_minimum=settings.macos_minimum,
    )


def synopsis(facts: PackageFacts, limit: int) -> str:
    """The description without an article or the executable's name at its start, as package managers want it."""
    start = rf"(?:(?:an?|the)\s+|{re.escape(facts.executable)}(?:\s+is|:)?\s+)+"
    return one_line(re.sub(f"^{start}", "", facts.description, flags=re.IGNORECASE) or facts.description, limit)


def one_line(text: str, limit: int) -> str:
    """The text without a full stop at its end, cut after a word to at most `limit` characters."""
    text = text.removesuffix(".")
    return text if len(text) <= limit else f"{text[: limit - 1].rsplit(' ', 1)[0].rstrip(',;:')}…"


def _person(entry: object) -> tuple[str, str]:
    """The name and the address of an entry of [project] (a table) or of Poetry's own table (`Name <address>`)."""
    if isinstance(entry, Mapping):
        name, address = str(entry.get("name") or ""), str(entry.get("email") or "")
    else:
        name, _, address = str(entry).partition("<")
    return " ".join(name.split()), address.rstrip("> ") if _ADDRESS.fullmatch(address.rstrip("> ")) else ""


def _license(project: Mapping[str, Any]) -> str:
    found = project.get("license")
    if isinstance(found, Mapping):
        found = found.get("text")
    text = " ".join(str(found).split()) if is_text(found) else ""
    # A whole license text instead of an identifier.
    return text if len(text) <= 100 else ""  # noqa: PLR2004


def _homepage(project: Mapping[str, Any]) -> str:
    urls = {re.sub(r"[\W_]", "", name).lower(): str(url) for name, url in (project.get("urls") or {}).items()}
    found = [*(str(project.get(key) or "") for key in ("homepage", "repository")), *map(urls.get, _HOMEPAGES)]
    return next((url for url in found if url and _URL.fullmatch(url)), "")
