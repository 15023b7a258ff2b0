import pytest

from tests.release_tools.preflight.conftest import FindProblems

SCRIPTS = {"tiny": "tiny_app.cli:main", "tiny-worker": "tiny_app.worker:main"}
NEEDS = {"alembic": {"alembic": "alembic.config:main"}}


@pytest.mark.parametrize(
    "source",
    [
        "import subprocess\nsubprocess.run(['tiny-worker', '--fast'], check=True)",
        "import subprocess\nsubprocess.Popen(args=('tiny-worker.exe',))",
        "from subprocess import check_output as output\noutput('tiny-worker --fast', shell=True)",
        "import subprocess\nWORKER = 'tiny-worker'\ncommand = [WORKER, '-v']\nsubprocess.run(command)",
        "import os\nos.execvp('tiny-worker', ['tiny-worker'])",
        "import os\nos.spawnlp(os.P_WAIT, 'tiny-worker', 'tiny-worker')",
        "import asyncio\nasync def main():\n    await asyncio.create_subprocess_exec('tiny-worker')",
        "import subprocess, sys\nimport pathlib as p\nsubprocess.run([p.Path(sys.executable).parent / 'tiny-worker'])",
        "import trio\nasync def main():\n    await trio.run_process(['tiny-worker'])",
        "import os, pathlib, sys\nos.execv(str(pathlib.Path(sys.executable).with_name('tiny-worker')), [])",
        "import os, subprocess, sys\nsubprocess.run([os.path.join(sys.prefix, 'bin', 'tiny-worker')])",
    ],
)
def test_start_of_own_script_is_found(problems_of: FindProblems, source: str) -> None:
    (problem,) = problems_of(source, scripts=SCRIPTS)
    assert problem.startswith("tiny_app/cli.py:")
    assert '[sys.executable, "-c", "from tiny_app.worker import main; main()", …]' in problem


def test_start_of_dependencys_script_is_found(problems_of: FindProblems) -> None:
    (problem,) = problems_of("import subprocess\nsubprocess.run(['alembic', 'upgrade', 'head'])", needs=NEEDS)
    assert "alembic 1.0" in problem
    assert '[sys.executable, "-m", "alembic", …]' in problem


@pytest.mark.parametrize(
    "source",
    [
        "import subprocess\nsubprocess.run(['git', 'tiny-worker'])",
        "import subprocess\nsubprocess.run(['tiny', '--help'])  # the program itself",
        "import subprocess, sys\nsubprocess.run([sys.executable, '-m', 'alembic'])",
        "import subprocess\ndef start(program='tiny-worker'):\n    subprocess.run([program])",
        "import subprocess\ntry:\n    subprocess.run(['tiny-worker'])\nexcept FileNotFoundError:\n    main()",
        "import shutil, subprocess\nif shutil.which('tiny-worker'):\n    subprocess.run(['tiny-worker'])",
        "import subprocess, sys\nif not getattr(sys, 'frozen', False):\n    subprocess.run(['tiny-worker'])",
        "import subprocess\nprint(['tiny-worker'])",
    ],
)
def test_start_of_anything_else_is_fine(problems_of: FindProblems, source: str) -> None:
    assert problems_of(source, scripts=SCRIPTS, needs=NEEDS) == []
