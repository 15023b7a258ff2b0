"""`.ci/run`, run for real in a project whose commands only write down how they were started."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[2]

# What the README does not ask for, and what a machine may have nevertheless.
NOT_ASKED_FOR = ("gh", "nox", "poetry", "uv", "curl", "gcc")
ASKED_FOR = ("git", "objcopy", "python3", "sh")

README = f"""
```sh
mkdir -p .venv/bin dist && printf '#!/bin/sh\\necho "$@" >>log\\n' >.venv/bin/nox && chmod +x .venv/bin/nox
echo archive >dist/a && (cd dist && sha256sum a >a.sha256)
echo build >>log
```

```sh
echo tests >>log
for program in {" ".join((*NOT_ASKED_FOR, *ASKED_FOR))}; do command -v $program >/dev/null && echo $program; done >found
ls -A ~ >home
env >variables
```
"""

pytestmark = [
    pytest.mark.programs,
    pytest.mark.skipif(not Path("/etc/debian_version").is_file(), reason=".ci/run is for Debian and Ubuntu"),
]


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The project after the run, on a machine that has more than the README asks for."""
    folder = tmp_path_factory.mktemp("ci")
    project, programs = folder / "project", folder / "programs"
    (project / ".ci").mkdir(parents=True)
    (project / ".ci" / "run").write_bytes((REPOSITORY / ".ci" / "run").read_bytes())
    (project / "README.md").write_text(README, encoding="utf-8")
    programs.mkdir()
    for name in (*NOT_ASKED_FOR, "apt-get"):
        (programs / name).write_text(f'#!/bin/sh\necho {name} "$@" >>{project}/log\n', encoding="utf-8")
        (programs / name).chmod(0o755)
    (programs / "python3").symlink_to(sys.executable)
    path = os.pathsep.join([str(programs), os.environ["PATH"]])
    subprocess.run(
        ["bash", str(project / ".ci" / "run")],
        env={**os.environ, "PATH": path, "GH_TOKEN": "secret", "PYTHONPATH": "/mine", "SSL_CERT_FILE": "/certificates"},
        capture_output=True,
        check=True,
        timeout=120,
    )
    return project


def test_readme_comes_before_everything_else(finished: Path) -> None:
    lines = (finished / "log").read_text(encoding="utf-8").splitlines()
    steps = [line for line in lines if not line.startswith("apt-get ")]
    assert steps[:2] == ["build", "tests"]
    assert steps[-1].split()[:2] == ["-s", "gates"], "the last output is pytest's summary"
    before = lines[: lines.index("tests")]
    installed = {word for line in before for word in line.split() if line.startswith("apt-get install")}
    assert installed <= {"apt-get", "install", "-y", "-q", "--no-install-recommends", "git", "binutils", "python3-pip"}


def test_readme_commands_need_only_documented_programs(finished: Path) -> None:
    assert set((finished / "found").read_text(encoding="utf-8").split()) == set(ASKED_FOR)
    assert (finished / "home").read_text(encoding="utf-8") == ""
    variables = (finished / "variables").read_text(encoding="utf-8")
    assert "SSL_CERT_FILE=/certificates" in variables
    assert "GH_TOKEN" not in variables
    assert "PYTHONPATH" not in variables
