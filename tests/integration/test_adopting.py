"""The commands in `docs/adopting.md`, run in an empty folder, build a verified binary of another app."""

import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from release_tools.bootstrap.adopted_settings import TEST_GROUP
from release_tools.platforms import host_platform

REPOSITORY = Path(__file__).parents[2]
DOCUMENT = REPOSITORY / "docs" / "adopting.md"
TIMEOUT_SECONDS = 1200

HOST = host_platform()
IDENTITY = {f"GIT_{who}_{key}": "tester" for who in ("AUTHOR", "COMMITTER") for key in ("NAME", "EMAIL")}

pytestmark = pytest.mark.timeout(TIMEOUT_SECONDS)


def commands() -> str:
    """The document's commands, in order."""
    blocks = re.findall(r"^```sh\n(.*?)^```$", DOCUMENT.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)
    assert blocks
    return "".join(blocks)


def folder_of_poetry(folder: Path, project: Path) -> Path:
    """The folder of Poetry, or of a stand-in that takes packages from this repository's lock."""
    installed = shutil.which("poetry")
    if installed:
        return Path(installed).parent
    folder.mkdir()
    stand_in = folder / "poetry"
    stand_in.write_text(
        f"#!{sys.executable}\nimport sys\nsys.path.insert(0, {str(Path(__file__).parent)!r})\n"
        f"from lock_of_groups import write_lock\nassert sys.argv[1:] == ['lock']\n"
        f"write_lock({str(REPOSITORY)!r}, {str(project)!r})\n",
        encoding="utf-8",
    )
    stand_in.chmod(0o755)
    return folder


def test_test_group_has_this_projects_pytest() -> None:
    own = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))["dependency-groups"]["test"]
    assert set(tomllib.loads(TEST_GROUP)["test"]) <= set(own)


@pytest.mark.apps
@pytest.mark.skipif(os.name == "nt", reason="the document's commands are for a POSIX shell")
def test_document_leads_to_a_verified_binary(tmp_path: Path) -> None:
    project = tmp_path / "hello"
    project.mkdir()
    path = os.pathsep.join((str(folder_of_poetry(tmp_path / "bin", project)), os.environ["PATH"]))
    finished = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", commands()],
        cwd=project,
        env={**os.environ, **IDENTITY, "PATH": path, "LIBRARY": str(REPOSITORY)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        check=False,
        timeout=TIMEOUT_SECONDS,
    )
    assert finished.returncode == 0, finished.stdout
    assert "\nHello, Ada!\n# Builds of hello\n" in finished.stdout
    archive = f"hello-dev-{HOST.name}{HOST.archive_suffix}"
    assert sorted(entry.name for entry in (project / "dist").iterdir()) == [archive, f"{archive}.sha256"]
    record = json.loads((project / "build" / HOST.name / "record.json").read_text(encoding="utf-8"))
    assert (record["app"], record["verdict"]) == ("hello", "verified")
    passed = {check["name"] for check in record["checks"] if check["verdict"] == "passed"}
    assert {"version", "smoke commands", "import audit", "black-box tests", "source trace"} <= passed
    for name in ("workflows/build-hello-binaries.yml", "actions/build-binary/action.yml"):
        assert "agent-runner" not in (project / ".github" / name).read_text(encoding="utf-8")
    adopted = json.loads((project / "release_tools" / "adopted.json").read_text(encoding="utf-8"))["files"]
    assert {"noxfile.py", "tasks.py", "release_tools/poetry.lock"} <= set(adopted)
    status = ["git", "status", "--porcelain"]
    assert subprocess.run(status, cwd=project, capture_output=True, check=True, timeout=60).stdout == b""
