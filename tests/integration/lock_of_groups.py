"""Makes the lock of a project whose dependencies are a part of this repository's, without a network.

Stands in for `poetry lock` where Poetry is not installed; a program of its own, started as Poetry would be.
"""

import re
import sys
import tomllib
from pathlib import Path


def write_lock(repository: str, project: str) -> None:
    """Write `poetry.lock` into `project`: the packages that the repository's lock has for the project's groups."""
    sys.path.insert(0, repository)
    from release_tools.lockfile import content_hash  # noqa: PLC0415 - only now is it on the path

    pyproject = tomllib.loads((Path(project) / "pyproject.toml").read_text(encoding="utf-8"))
    assert pyproject["project"]["dependencies"] == []
    groups = set(pyproject["dependency-groups"])
    text = (Path(repository) / "poetry.lock").read_text(encoding="utf-8")
    head, *packages = re.split(r"(?=^\[\[package\]\]$)", text.partition("[metadata]")[0], flags=re.MULTILINE)
    kept = []
    for package in packages:
        wanted = [group for group in tomllib.loads(package)["package"][0]["groups"] if group in groups]
        if wanted:
            kept.append(re.sub(r"^groups = .*$", f"groups = {wanted}", package, count=1, flags=re.MULTILINE))
    metadata = re.sub(
        r'^content-hash = ".*"$',
        f'content-hash = "{content_hash(pyproject)}"',
        text.partition("[metadata]")[2],
        flags=re.MULTILINE,
    )
    (Path(project) / "poetry.lock").write_text(f"{head}{''.join(kept)}[metadata]{metadata}", encoding="utf-8")
