"""Real applications, embedded with default settings, do their main job in the binary as they do from source."""

import json
import os
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from release_tools.archives import unpack_archive
from release_tools.bootstrap.environment import environment_python
from release_tools.platforms import host_platform
from tests.integration.main_job import MainJob, Output, differences, do_main_job, unexpected_exits

REPOSITORY = Path(__file__).parents[2]
APPS = sorted(path.parent for path in Path(__file__).with_name("apps").glob("*/job.toml"))
HOST = host_platform()
BUILD_TIMEOUT_SECONDS = 900
IDENTITY = {f"GIT_{who}_{key}": "tester" for who in ("AUTHOR", "COMMITTER") for key in ("NAME", "EMAIL")}


def embed(app: Path, root: Path) -> None:
    """Copy the app's project, adopt the library as its users do, and commit everything."""
    shutil.copytree(app, root, ignore=shutil.ignore_patterns("job", "job.toml", "__pycache__"))
    adopt = [sys.executable, "-m", "nox", "--noxfile", str(REPOSITORY / "noxfile.py"), "-s", "adopt", "--", str(root)]
    for command in (
        ["git", "init", "--quiet"],
        adopt,
        ["git", "add", "--all"],
        ["git", "commit", "--quiet", "--message", "feat: start"],
    ):
        subprocess.run(command, cwd=root, env={**os.environ, **IDENTITY}, check=True, timeout=60)


@pytest.mark.apps
@pytest.mark.timeout(2 * BUILD_TIMEOUT_SECONDS)
@pytest.mark.parametrize("app", APPS, ids=lambda app: app.name)
def test_main_job_equals_source(app: Path, tmp_path: Path) -> None:
    root = tmp_path / "project"
    embed(app, root)
    finished = subprocess.run(
        [sys.executable, "-m", "nox", "-s", "build"],
        cwd=root,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        check=False,
        timeout=BUILD_TIMEOUT_SECONDS,
    )
    assert finished.returncode == 0, finished.stdout
    folder = root / "build" / HOST.name
    assert json.loads((folder / "record.json").read_text(encoding="utf-8"))["verdict"] == "verified"
    name = f"my-{app.name}{HOST.executable_suffix}"
    unpack_archive(root / "dist" / f"my-{app.name}-dev-{HOST.name}{HOST.archive_suffix}", tmp_path / "unpacked")

    job = MainJob.load(app)
    source = do_main_job(job, environment_python(folder / "environment").with_name(name), tmp_path / "job")
    assert unexpected_exits(job, source) == []
    assert differences(source, do_main_job(job, tmp_path / "unpacked" / name, tmp_path / "job")) == []


@pytest.mark.parametrize("app", APPS, ids=lambda app: app.name)
def test_app_has_default_settings(app: Path) -> None:
    table = tomllib.loads((app / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["release-tools"]
    assert table == {"executable": f"my-{app.name}", "smoke-commands": [["--help"]]}


@pytest.fixture
def job(tmp_path: Path) -> MainJob:
    """A job of two steps: the second fails, after it has written a file."""
    (tmp_path / "app").mkdir()
    (tmp_path / "app" / "job.toml").write_text(
        'masks = ["in [0-9]+ ms"]\nunstable-files = ["*.db"]\n'
        '[[steps]]\nrun = ["{python}", "{app}", "first"]\n'
        '[[steps]]\nrun = ["{python}", "{app}", "second"]\nexit-code = 3\n',
        encoding="utf-8",
    )
    return MainJob.load(tmp_path / "app")


PROGRAM = """
import sys
from pathlib import Path

if sys.argv[1] == "second":
    Path("out.txt").write_text("NUMBER")
    Path("data.db").write_text("NUMBER")
    sys.exit(3)
print("first in NUMBER ms")
"""


@pytest.mark.programs
@pytest.mark.parametrize(
    ("edit", "expected"),
    [
        (("first in", "started in"), ["{python} {app} first: stdout"]),
        (("sys.exit(3)", "sys.exit(1)"), ["{python} {app} second: exit_code"]),
        (('Path("out.txt")', 'Path("other.txt")'), ["file work/other.txt", "file work/out.txt"]),
        (('write_text("NUMBER")', 'write_text("else")'), ["file work/out.txt"]),
        (("first in NUMBER ms", "first in 99 ms"), []),
        (('Path("data.db").write_text("NUMBER")', 'Path("data.db").write_text("else")'), []),
    ],
)
def test_main_job_finds_each_difference(
    job: MainJob, tmp_path: Path, edit: tuple[str, str], expected: list[str]
) -> None:
    source, other = tmp_path / "source.py", tmp_path / "other" / "source.py"
    other.parent.mkdir()
    source.write_text(PROGRAM.replace("NUMBER", "1"), encoding="utf-8")
    other.write_text(PROGRAM.replace(*edit).replace("NUMBER", "1"), encoding="utf-8")
    result = do_main_job(job, source, tmp_path / "job")
    assert unexpected_exits(job, result) == []
    found = differences(result, do_main_job(job, other, tmp_path / "job"))
    assert [line.partition(" is ")[0] for line in found] == expected


@pytest.mark.programs
def test_step_that_ends_otherwise_is_named(job: MainJob, tmp_path: Path) -> None:
    (tmp_path / "source.py").write_text("print('always well')", encoding="utf-8")
    result = do_main_job(job, tmp_path / "source.py", tmp_path / "job")
    second = Output(command="{python} {app} second", exit_code=0, stdout="always well\n", stderr="")
    assert unexpected_exits(job, result) == [second]
