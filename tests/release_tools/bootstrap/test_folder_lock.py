import os
import subprocess
import sys
from pathlib import Path

import pytest

from release_tools.bootstrap.folder_lock import exclusive_use
from release_tools.errors import BusyError

REPOSITORY = Path(__file__).parents[3]


def test_folder_can_be_locked_again_after_use(tmp_path: Path) -> None:
    for _ in range(2):
        with exclusive_use(tmp_path / "folder"):
            assert (tmp_path / "folder").is_dir()


# Arguments: the folder, then the program that runs while it is locked.
RUN_LOCKED = """
import sys
from pathlib import Path
from release_tools.processes.run import run
from release_tools.bootstrap.folder_lock import exclusive_use
with exclusive_use(Path(sys.argv[1])):
    run(sys.argv[2:], cwd=Path())
"""


@pytest.mark.programs
@pytest.mark.skipif(sys.platform == "win32", reason="on Windows children are killed with their parent")
def test_build_that_outlives_nox_keeps_its_lock(tmp_path: Path) -> None:
    build = [sys.executable, "-c", "import sys; print('ready', flush=True); sys.stdin.read()"]
    with subprocess.Popen(
        [sys.executable, "-c", RUN_LOCKED, str(tmp_path / "folder"), *build],
        env={**os.environ, "PYTHONPATH": str(REPOSITORY)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as nox:
        assert nox.stdin is not None
        assert nox.stdout is not None
        assert nox.stdout.readline() == b"ready\n"
        nox.kill()
        nox.wait(timeout=60)
        with pytest.raises(BusyError) as caught, exclusive_use(tmp_path / "folder"):
            pass
        assert caught.value.folder == tmp_path / "folder"
        nox.stdin.close()
        # The end of the output is the end of the build.
        assert nox.stdout.read() == b""
