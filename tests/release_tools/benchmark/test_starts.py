import sys
from pathlib import Path

import pytest

from release_tools.benchmark import starts
from release_tools.benchmark.scenarios import AppBenchmarks, Scenario
from release_tools.benchmark.starts import Starter, created_files, watching
from release_tools.errors import CommandFailedError
from release_tools.platforms import host_platform

pytestmark = pytest.mark.programs

WRITES_TWO = (
    "import os, pathlib\n"
    "folder = pathlib.Path(os.environ.get('TMPDIR') or os.environ['TEMP'])\n"
    "for name in 'ab': (folder / name).write_text('x')\n"
    "(folder / 'a').read_text()\n"
)


@pytest.fixture
def starter(tmp_path: Path) -> Starter:
    benchmarks = AppBenchmarks(folder=None, scenarios=(), goals={})
    return Starter(benchmarks=benchmarks, platform=host_platform(), scratch=tmp_path / "scratch", variables={"A": "1"})


def python(code: str) -> list[str]:
    # Without bytecode files.
    return [sys.executable, "-B", "-c", code]


def test_start_is_timed_until_it_prints(starter: Starter) -> None:
    # More than a pipe holds follows: it's read too.
    code = "print('one', flush=True)\nprint('the token', flush=True)\nfor line in range(100000): print(line)"
    assert starter.seconds(python(code), Scenario(name="x", command=(), until="token")) > 0


@pytest.mark.parametrize(
    ("code", "until"),
    [("raise SystemExit(3)", ""), ("print('other')", "token"), ("print('token')\nraise SystemExit(3)", "token")],
)
def test_failed_start_is_an_error(starter: Starter, code: str, until: str) -> None:
    with pytest.raises(CommandFailedError):
        starter.seconds(python(code), Scenario(name="x", command=(), until=until))


def test_each_start_is_in_empty_folders(starter: Starter) -> None:
    code = (
        "import os, pathlib, tempfile\n"
        "for folder in (pathlib.Path.home(), pathlib.Path.cwd(), pathlib.Path(tempfile.gettempdir())):\n"
        "    assert not [*folder.iterdir()], folder\n"
        "    (folder / 'left over').touch()\n"
        "assert os.environ['A'] == '1'\n"
    )
    for _ in range(2):
        starter.seconds(python(code), Scenario(name="x", command=()))


def test_created_files_are_counted_once() -> None:
    lines = [
        '12 openat(AT_FDCWD, "/x/a", O_WRONLY|O_CREAT|O_TRUNC, 0666) = 3',
        '12 openat(AT_FDCWD, "/x/a", O_WRONLY|O_CREAT|O_TRUNC, 0666) = 3',
        '13 open("/x/b \\"quoted\\"", O_RDWR|O_CREAT, 0600 <unfinished ...>',
        '13 creat("/x/c", 0600) = 4',
        '12 openat(AT_FDCWD, "/x/read", O_RDONLY|O_CLOEXEC) = 3',
        '12 openat(AT_FDCWD, "/x/refused", O_WRONLY|O_CREAT, 0666) = -1 EACCES (Permission denied)',
        '12 openat(AT_FDCWD, "/dev/null", O_WRONLY|O_CREAT, 0666) = 3',
        "12 +++ exited with 0 +++",
    ]
    assert created_files(lines) == {"/x/a", '/x/b \\"quoted\\"', "/x/c"}


@pytest.mark.parametrize("is_traced", [True, False])
def test_written_files_are_counted_both_ways(
    starter: Starter, is_traced: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if is_traced and not starts.can_trace(Path.cwd()):
        pytest.skip("strace is missing, or may not trace")
    monkeypatch.setattr(starts, "can_trace", lambda _: is_traced)
    assert starter.written_files(python(WRITES_TWO)) == 2


def test_watching_sees_files_that_are_deleted(tmp_path: Path) -> None:
    with watching(tmp_path) as seen:
        path = tmp_path / "folder" / "file"
        path.parent.mkdir()
        path.touch()
        while path not in seen:
            pass
        path.unlink()
    assert seen == {path}
