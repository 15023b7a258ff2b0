"""What brings files that aren't unpacked at every start."""

import contextlib
import ctypes
import errno
import importlib
import importlib.metadata
import os
import shutil
import sys
import threading
import time
from collections.abc import Callable, Iterator
from importlib.machinery import EXTENSION_SUFFIXES, FileFinder, PathFinder
from pathlib import Path
from typing import Any

import pytest

from release_tools.freeze.deferred_files import Deferral, Moment
from release_tools.freeze.runtime import bootloader, on_demand, payload, unpacked_folder, unpacking
from release_tools.freeze.runtime.on_demand import FilesOnDemand
from tests.release_tools.freeze.executables import run_as, write_executable

SUFFIX = EXTENSION_SUFFIXES[-1]
FILES = {
    "!app": ("b", b"tiny", None),
    f"brought/_fast{SUFFIX}": ("b", b"module", Moment.IMPORT),
    f"_alone{SUFFIX}": ("b", b"module", Moment.IMPORT),
    f"compiled/__init__{SUFFIX}": ("b", b"module", Moment.IMPORT),
    "brought.libs/libone.so.1": ("b", b"library", Moment.IMPORT),
    "libone.so": ("n", b"brought.libs/libone.so.1", Moment.IMPORT),
    "brought/libplain.so": ("b", b"plain", Moment.USE),
    "brought/texts/a.txt": ("x", b"a", Moment.USE),
    "brought/texts/deep/b.txt": ("x", b"b" * 3_000_000, Moment.USE),
    "brought/code.py": ("x", b"CODE", Moment.READING),
    "other/c.txt": ("x", b"c", Moment.USE),
    "linked/liblinked.so.1": ("b", b"linked", Moment.USE),
    "linked/liblinked.so": ("n", b"liblinked.so.1", Moment.IMPORT),
    "Tiny_App-1.0.dist-info/METADATA": ("x", b"Name: tiny-app\nVersion: 1.0\n", Moment.USE),
    "Tiny_App-1.0.dist-info/RECORD": ("x", b"other/c.txt,,\n", Moment.USE),
}
LIBRARIES = {f"brought/_fast{SUFFIX}": ("brought.libs/libone.so.1", "libone.so")}
IS_WINDOWS = sys.platform == "win32"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "_MEI"
    folder.mkdir()
    (folder / "!app").write_bytes(b"tiny")
    return folder


@pytest.fixture
def files(tmp_path: Path, root: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FilesOnDemand]:
    """A program that has unpacked nothing yet."""
    contents = {name: (kind, content) for name, (kind, content, _) in FILES.items() if not (IS_WINDOWS and kind == "n")}
    moments = {name: moment for name, (_, _, moment) in FILES.items() if moment}
    executable = write_executable(tmp_path, monkeypatch, contents, Deferral(moments=moments, libraries=LIBRARIES))
    run_as(executable, monkeypatch)
    monkeypatch.setattr(sys, "path", [str(root), *sys.path])
    found = FilesOnDemand(str(root), payload.read_table())
    monkeypatch.setattr(sys, "meta_path", [found, *sys.meta_path])
    monkeypatch.setattr(FileFinder, "find_spec", found.before_find_spec(FileFinder.find_spec))
    # It can't be removed, but has nothing to do once no file is waiting, and there's nothing to wait for.
    sys.addaudithook(found.watch)
    yield found
    found.waiting.clear()
    found.may_wait = False
    sys.path_importer_cache.pop(str(root), None)


def unpacked(root: Path) -> set[str]:
    return {path.relative_to(root).as_posix() for path in root.rglob("*") if not path.is_dir()} - {"!app"}


def of_package() -> set[str]:
    return {"brought/libplain.so", "brought/texts/a.txt", "brought/texts/deep/b.txt"}


def seen(files: FilesOnDemand) -> set[str]:
    """What was unpacked, looked up without events that would bring more."""
    files.waiting.clear()
    return unpacked(Path(files.root))


def take_away(root: Path) -> None:
    """Put an empty folder in the place of the bundle's, as for the bootloader to remove."""
    root.rename(root.with_suffix(".kept"))
    root.mkdir()


@contextlib.contextmanager
def put_back_later(files: FilesOnDemand) -> Iterator[None]:
    timer = threading.Timer(0.2, put_back, [files])
    timer.start()
    yield
    timer.join()


def put_back(files: FilesOnDemand) -> None:
    """As another process does, which has no part in these events."""
    root = Path(files.root)
    with files.unpacks():
        if root.with_suffix(".kept").exists():
            root.rmdir()
            root.with_suffix(".kept").rename(root)


def test_module_comes_with_its_libraries_when_it_is_looked_up(files: FilesOnDemand, root: Path) -> None:
    # The folder is listed, and the list kept, before the module is there.
    (root / "brought").mkdir()
    assert PathFinder.find_spec("brought.missing", [str(root / "brought")]) is None
    spec = PathFinder.find_spec("brought._fast", [str(root / "brought")])
    assert spec
    assert spec.origin == str(root / f"brought/_fast{SUFFIX}")
    links = set() if IS_WINDOWS else {"libone.so"}
    assert seen(files) == {f"brought/_fast{SUFFIX}", "brought.libs/libone.so.1"} | links
    assert (root / "brought.libs/libone.so.1").read_bytes() == b"library"


def test_module_at_the_top_is_found_on_the_path(files: FilesOnDemand) -> None:
    assert importlib.util.find_spec("_alone")
    assert seen(files) == {f"_alone{SUFFIX}"}


def test_package_that_is_a_module_is_found(files: FilesOnDemand, root: Path) -> None:
    spec = PathFinder.find_spec("compiled", [str(root)])
    assert spec
    assert spec.submodule_search_locations == [str(root / "compiled")]
    assert seen(files) == {f"compiled/__init__{SUFFIX}"}


def test_module_of_the_same_name_elsewhere_brings_nothing(files: FilesOnDemand, tmp_path: Path) -> None:
    PathFinder.find_spec("other._fast", [str(tmp_path)])
    PathFinder.find_spec("_fast", [files.root])
    assert seen(files) == set()


def test_import_of_a_package_brings_its_data(files: FilesOnDemand, root: Path) -> None:
    files.find_spec("brought")
    assert seen(files) == of_package()
    assert (root / "brought/texts/deep/b.txt").read_bytes() == b"b" * 3_000_000


def test_import_of_a_package_creates_the_folders_of_its_modules(files: FilesOnDemand, root: Path) -> None:
    files.find_spec("compiled")
    assert seen(files) == set()
    assert (root / "compiled").is_dir()


def test_folders_on_the_import_path_exist(files: FilesOnDemand, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "path", [str(root / "brought.libs")])
    files.create_folders_on_path()
    assert (root / "brought.libs").is_dir()
    assert seen(files) == set()


def test_source_comes_when_it_is_read(files: FilesOnDemand, root: Path) -> None:
    files.find_spec("brought")
    assert "brought/code.py" in files.waiting
    assert (root / "brought/code.py").read_bytes() == b"CODE"


def test_source_is_found_by_the_finder_for_files(files: FilesOnDemand, root: Path) -> None:
    (root / "brought").mkdir()
    spec = PathFinder.find_spec("brought.code", [str(root / "brought")])
    assert spec
    assert spec.origin == str(root / "brought/code.py")
    assert seen(files) == {"brought/code.py"}


def test_import_past_the_finder_brings_data(files: FilesOnDemand, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "meta_path", sys.meta_path[1:])
    with pytest.raises(ModuleNotFoundError):
        __import__("brought.missing")
    assert of_package() <= seen(files)


@pytest.mark.parametrize("reader", on_demand.METADATA_READERS)
def test_reader_of_metadata_gets_no_other_files(files: FilesOnDemand, root: Path, reader: str) -> None:
    listed: dict[str, list[str]] = {}
    code = compile(f"import os; found = os.listdir({str(root)!r})", f"/somewhere/{reader}", "exec")
    exec(code, listed)  # noqa: S102 - made by this test
    assert set(listed["found"]) == {"!app", "Tiny_App-1.0.dist-info"}
    assert seen(files) == set()


def test_import_system_lists_folders_without_effect(files: FilesOnDemand) -> None:
    assert importlib.util.find_spec("no_such_module") is None
    assert seen(files) == set()


@pytest.mark.parametrize(
    ("use", "brought"),
    [
        (lambda root: (root / "other/c.txt").read_bytes(), {"other/c.txt"}),
        (lambda root: os.close(os.open(os.fsencode(root / "other/../other/./c.txt"), os.O_RDONLY)), {"other/c.txt"}),
        (lambda root: list((root / "brought/texts").iterdir()), {"brought/texts/a.txt"}),
        (lambda root: list((root / "brought/texts").rglob("*")), {"brought/texts/a.txt", "brought/texts/deep/b.txt"}),
        (lambda root: shutil.copytree(root / "other", root.parent / "copy"), {"other/c.txt"}),
        (lambda root: (root / "other/c.txt").rename(root.parent / "moved") and None, set()),
        (lambda root: sys.audit("subprocess.Popen", "cp", ["cp", root / "brought/texts"], None, None), None),
        (lambda _: importlib.metadata.version("tiny-app"), {"Tiny_App-1.0.dist-info/METADATA"}),
    ],
    ids=["open", "bytes", "list", "walk", "copy", "move", "program", "version"],
)
def test_use_brings_files(
    files: FilesOnDemand, root: Path, use: Callable[[Path], object], brought: set[str] | None
) -> None:
    use(root)
    expected = {"brought/texts/a.txt", "brought/texts/deep/b.txt"} if brought is None else brought
    assert expected <= seen(files)
    assert seen(files) - expected <= {"libone.so"}


@pytest.mark.usefixtures("files")
def test_listing_shows_what_would_be_there(root: Path) -> None:
    listed = {path.name for path in root.iterdir()} - {"libone.so"}
    assert listed == {
        "!app",
        f"_alone{SUFFIX}",
        "brought",
        "brought.libs",
        "compiled",
        "linked",
        "other",
        "Tiny_App-1.0.dist-info",
    }


@pytest.mark.usefixtures("files")
def test_files_of_a_distribution_exist(root: Path) -> None:
    (found,) = importlib.metadata.files("tiny-app") or []
    assert Path(str(found.locate())) == root / "other/c.txt"


@pytest.mark.usefixtures("files")
def test_relative_path_brings_a_file(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(root)
    assert Path("other/c.txt").read_bytes() == b"c"


@pytest.mark.parametrize("by", ["path", "name"])
def test_loaded_library_is_brought(files: FilesOnDemand, root: Path, by: str) -> None:
    name = "brought.libs/libone.so.1"
    if by == "name" and IS_WINDOWS:
        pytest.skip("the bootloader of Windows unpacks libraries")
    with pytest.raises(OSError, match=r"."):
        ctypes.CDLL(str(root / name) if by == "path" else "libone.so.1")
    assert name in seen(files)


def test_threads_may_bring_the_same_file(files: FilesOnDemand, root: Path) -> None:
    start = threading.Barrier(8)
    found: list[bytes] = []

    def read() -> None:
        start.wait()
        found.append((root / "brought/texts/deep/b.txt").read_bytes())

    threads = [threading.Thread(target=read) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [b"b" * 3_000_000] * 8
    assert seen(files) == {"brought/texts/deep/b.txt"}


@pytest.mark.skipif(IS_WINDOWS, reason="on Windows, a folder in which a scanner reads a file can't be renamed")
def test_folder_of_a_package_appears_with_all_its_files(
    files: FilesOnDemand, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rename, before = os.rename, []

    def see_then_rename(source: str, target: str, **folders: int) -> None:
        before.append((target, {path.replace(source, target) for path in unpacked(root)}))
        rename(source, target, **folders)

    monkeypatch.setattr(os, "rename", see_then_rename)
    files.find_spec("brought")
    assert before == [("brought", of_package())]
    assert seen(files) == of_package()


@pytest.mark.skipif(IS_WINDOWS, reason="Windows gives every file its own name")
def test_large_files_are_named_one_by_one(files: FilesOnDemand, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(on_demand, "SMALL", 1)
    monkeypatch.setattr(os, "rename", None)
    files.find_spec("brought")
    assert seen(files) == of_package()


@pytest.mark.skipif(IS_WINDOWS, reason="the bootloader of Windows unpacks links")
def test_links_are_among_the_files_of_a_new_folder(files: FilesOnDemand, root: Path) -> None:
    files.bring("linked/liblinked.so.1", "linked/liblinked.so")
    assert (root / "linked/liblinked.so").read_bytes() == b"linked"
    assert (root / "linked/liblinked.so").is_symlink()


@pytest.mark.skipif(IS_WINDOWS, reason="on Windows, a folder in which a scanner reads a file can't be renamed")
def test_another_process_may_bring_the_same_package(
    files: FilesOnDemand, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rename = os.rename

    def come_second(source: str, target: str, **folders: int) -> None:
        (root / "brought/texts").mkdir(parents=True)
        (root / "brought/texts/a.txt").write_bytes(b"of another process")
        rename(source, target, **folders)

    monkeypatch.setattr(os, "rename", come_second)
    files.find_spec("brought")
    assert (root / "brought/texts/a.txt").read_bytes() == b"of another process"
    assert seen(files) == of_package()
    assert {path.name for path in root.iterdir()} == {"!app", "brought"}


@pytest.mark.parametrize("end", [KeyboardInterrupt(), OSError(errno.ENOSPC, "no space left")])
def test_interrupted_package_can_be_brought_again(
    files: FilesOnDemand, root: Path, monkeypatch: pytest.MonkeyPatch, end: BaseException
) -> None:
    write = unpacking.write
    written: list[str] = []

    def write_two(path: str, *arguments: Any, **options: Any) -> None:
        if len(written) == 2:
            raise end
        write(path, *arguments, **options)
        written.append(path)

    with monkeypatch.context() as patch:
        patch.setattr(unpacking, "write", write_two)
        with pytest.raises((KeyboardInterrupt, SystemExit)):
            files.find_spec("brought")
    waiting = {**files.waiting}
    files.waiting.clear()
    assert {path.name for path in root.iterdir()} <= {"!app", "brought"}
    files.waiting.update(waiting)
    files.find_spec("brought")
    assert seen(files) == of_package()


def test_signal_handler_may_bring_files_of_the_same_package(
    files: FilesOnDemand, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = unpacking.write
    handled: list[int] = []

    def write_then_handle(*arguments: Any, **options: Any) -> None:
        write(*arguments, **options)
        if not handled:
            handled.append(1)
            files.bring(*of_package(), "brought/code.py")

    monkeypatch.setattr(unpacking, "write", write_then_handle)
    files.find_spec("brought")
    assert seen(files) == {*of_package(), "brought/code.py"}


def test_second_import_waits_for_the_folders_of_the_package(
    files: FilesOnDemand, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = unpacking.write
    is_writing, may_write = threading.Event(), threading.Event()

    def write_later(path: str, *arguments: Any, **options: Any) -> None:
        if threading.current_thread() is first:
            is_writing.set()
            assert may_write.wait(30)
        write(path, *arguments, **options)

    monkeypatch.setattr(unpacking, "write", write_later)
    first = threading.Thread(target=files.find_spec, args=("brought",))
    first.start()
    assert is_writing.wait(30)
    files.find_spec("brought")
    assert PathFinder.find_spec("brought._fast", [str(root / "brought")])
    may_write.set()
    first.join()
    assert seen(files) >= of_package()


def test_file_in_use_is_not_replaced(files: FilesOnDemand, root: Path) -> None:
    (root / "other").mkdir()
    waiting = {**files.waiting}
    files.waiting.clear()
    (root / "other/c.txt").write_bytes(b"of another process")
    files.waiting.update(waiting)
    files.bring("other/c.txt")
    assert (root / "other/c.txt").read_bytes() == b"of another process"
    assert seen(files) == {"other/c.txt"}


def test_all_can_be_brought_at_once(files: FilesOnDemand, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(on_demand, "unpackers", [files])
    on_demand.unpack_all()
    assert files.waiting == {}
    assert {path for path in FILES if path != "!app"} - seen(files) <= (
        {"libone.so", "linked/liblinked.so"} if IS_WINDOWS else set()
    )


@pytest.mark.skipif(IS_WINDOWS, reason="only POSIX can give another folder the name")
def test_folder_without_its_name_is_waited_for(files: FilesOnDemand, root: Path) -> None:
    take_away(root)
    with put_back_later(files):
        assert (root / "other/c.txt").read_bytes() == b"c"


@pytest.mark.skipif(IS_WINDOWS, reason="only POSIX can give another folder the name")
def test_what_was_brought_before_is_waited_for(files: FilesOnDemand, root: Path) -> None:
    files.bring(*files.all_waiting())
    (root / "names").mkdir()
    (root / "names" / "inner.py").write_text("VALUE = 1\n", encoding="utf-8")
    take_away(root)
    with put_back_later(files):
        assert (root / "other/c.txt").read_bytes() == b"c"
    take_away(root)
    with put_back_later(files):
        assert importlib.import_module("names.inner").VALUE == 1
    del sys.modules["names"], sys.modules["names.inner"]


@pytest.mark.skipif(IS_WINDOWS, reason="only POSIX can give another folder the name")
def test_folder_is_created_when_the_bundle_is_back(files: FilesOnDemand, root: Path) -> None:
    take_away(root)
    with put_back_later(files):
        files.create_folder("new")
    assert {path.name for path in root.iterdir()} >= {"!app", "new"}


@pytest.mark.skipif(IS_WINDOWS, reason="only POSIX can give another folder the name")
@pytest.mark.usefixtures("files")
def test_bundle_that_is_lost_is_waited_for_once(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    slept: list[float] = []
    monkeypatch.setattr(unpacking, "END_SECONDS", 0.01)
    monkeypatch.setattr(time, "sleep", slept.append)
    root.with_name(f"{root.name}{unpacking.KEPT}").mkdir()
    for _ in range(2):
        assert (root / "!app").read_bytes() == b"tiny"
    before = len(slept)
    assert before > 0
    assert (root / "!app").read_bytes() == b"tiny"
    assert len(slept) == before


@pytest.mark.skipif(IS_WINDOWS, reason="only POSIX can give another folder the name")
@pytest.mark.parametrize("is_alive", [True, False])
def test_bundle_is_waited_for_while_the_program_ends(
    files: FilesOnDemand, root: Path, monkeypatch: pytest.MonkeyPatch, is_alive: bool
) -> None:
    monkeypatch.setattr(unpacking, "BOOTLOADER_SECONDS", 0.0)
    monkeypatch.setattr(bootloader, "process_of", lambda _: 7)
    monkeypatch.setattr(bootloader, "is_alive", lambda _: is_alive)
    files.bring("other/c.txt")
    take_away(root)
    with put_back_later(files):
        try:
            (root / "other/c.txt").read_bytes()
        except FileNotFoundError:
            assert not is_alive
        else:
            assert is_alive


@pytest.mark.skipif(IS_WINDOWS, reason="only POSIX can give another folder the name")
@pytest.mark.usefixtures("files")
def test_import_is_waited_for_before_the_runtime_is_complete(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(unpacking, "END_SECONDS", 0.01)
    monkeypatch.delitem(sys.modules, unpacked_folder.__name__)
    root.with_name(f"{root.name}{unpacking.KEPT}").mkdir()
    assert importlib.import_module("wsgiref.types").__name__ == "wsgiref.types"


@pytest.mark.skipif(IS_WINDOWS, reason="only POSIX can give another folder the name")
@pytest.mark.usefixtures("files")
def test_first_process_does_not_wait_for_what_follows_its_end(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bootloader, "first_process", os.getpid())
    monkeypatch.setattr(time, "sleep", None)
    root.with_name(f"{root.name}{unpacking.KEPT}").mkdir()
    assert (root / "!app").read_bytes() == b"tiny"


@pytest.mark.skipif(IS_WINDOWS, reason="only POSIX can give another folder the name")
def test_thread_waits_for_a_file_whose_folder_is_away(
    files: FilesOnDemand, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write, wait = unpacking.write, files.wait_for_folder
    is_written = threading.Event()
    found: list[bytes] = []

    def write_and_take_away(*arguments: Any, **options: Any) -> None:
        write(*arguments, **options)
        take_away(root)

    def put_back_and_wait() -> None:
        if threading.current_thread() is second:
            put_back(files)
        elif root.with_suffix(".kept").exists():
            is_written.set()
        wait()

    def read() -> None:
        assert is_written.wait(30)
        try:
            found.append((root / "other/c.txt").read_bytes())
        finally:
            put_back(files)

    monkeypatch.setattr(unpacking, "write", write_and_take_away)
    monkeypatch.setattr(files, "wait_for_folder", put_back_and_wait)
    second = threading.Thread(target=read)
    second.start()
    files.bring("other/c.txt")
    second.join()
    assert found == [b"c"]


@pytest.mark.skipif(IS_WINDOWS, reason="only POSIX can give another folder the name")
def test_folder_in_the_place_of_the_bundle_gets_no_file(
    files: FilesOnDemand, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wait = files.wait_for_folder
    calls: list[None] = []

    def wait_and_take_away() -> None:
        calls.append(None)
        put_back(files)
        wait()
        if len(calls) == 1:
            take_away(root)

    monkeypatch.setattr(files, "wait_for_folder", wait_and_take_away)
    files.bring("other/c.txt")
    assert seen(files) == {"other/c.txt"}


def test_file_that_cannot_be_written_ends_the_program(
    files: FilesOnDemand, root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (root / "brought").symlink_to("nowhere")
    with pytest.raises(SystemExit) as caught:
        files.bring("brought/libplain.so")
    assert caught.value.code == 1
    assert "hint: " in capsys.readouterr().err


@pytest.mark.usefixtures("files")
@pytest.mark.skipif(IS_WINDOWS, reason="on Windows, the executable isn't kept open")
def test_moved_executable_is_still_read(root: Path) -> None:
    Path(sys.executable).rename(f"{sys.executable}.old")
    Path(sys.executable).write_bytes(b"a new version")
    assert (root / "other/c.txt").read_bytes() == b"c"


def test_replaced_executable_is_refused(files: FilesOnDemand, capsys: pytest.CaptureFixture[str]) -> None:
    # A daemon closes all open files.
    if not IS_WINDOWS:
        os.close(payload.descriptor)
    Path(sys.executable).rename(f"{sys.executable}.old")
    Path(sys.executable).write_bytes(b"a new version")
    with pytest.raises(SystemExit):
        files.bring("other/c.txt")
    assert "replaced" in capsys.readouterr().err


def test_nothing_to_bring_installs_nothing(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "_MEIPASS", str(root), raising=False)
    before = [*sys.meta_path]
    on_demand.install([("x", "needed", 0, 0, False)])
    assert sys.meta_path == before
    assert unpacking.MARKER == "!app"
