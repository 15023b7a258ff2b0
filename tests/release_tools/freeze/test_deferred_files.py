"""Which files the bootloader unpacks, and what brings the others."""

from pathlib import Path

import pytest

from release_tools.binaries import payload as checked
from release_tools.freeze import deferred_files
from release_tools.freeze.deferred_files import Deferral, Moment, plan_deferral
from release_tools.freeze.runtime import payload
from release_tools.freeze.runtime.time_zones import ARCHIVE
from tests.release_tools.verification.static.samples import make_elf

PYTHON = "libpython3.13.so.1.0"


@pytest.fixture(autouse=True)
def _python(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(deferred_files, "get_python_library_path", lambda: f"/usr/lib/{PYTHON}")


def plan(folder: Path, files: dict[str, tuple[str, bytes]], *, is_windows: bool = False) -> Deferral:
    """The plan for files with these kinds and contents, in a bundle with one package."""
    entries = []
    for number, (name, (kind, content)) in enumerate(files.items()):
        source = folder / str(number)
        source.write_bytes(content)
        entries.append((name, str(source), kind))
    binaries = [entry for entry in entries if entry[-1] != "DATA"]
    datas = [entry for entry in entries if entry[-1] == "DATA"]
    return plan_deferral(binaries, datas, {"package", "package.code", "module"}, is_windows=is_windows)


def module(name: str, *libraries: str) -> tuple[str, bytes]:
    return ("EXTENSION", make_elf(needed=libraries) + f"\0PyInit_{name}\0".encode())


def library(*libraries: str) -> tuple[str, bytes]:
    return ("BINARY", make_elf(needed=libraries))


def test_what_python_starts_with_is_left_to_the_bootloader(tmp_path: Path) -> None:
    files = {
        PYTHON: library("libz.so.1"),
        "libz.so.1": library(),
        "python3.13/lib-dynload/zlib.so": module("zlib", "libz.so.1"),
        "base_library.zip": ("DATA", b""),
        "!app": ("BINARY", b""),
        "start": ("PYSOURCE", b""),
    }
    assert plan(tmp_path, files).moments == {}


def test_extension_module_comes_with_its_libraries(tmp_path: Path) -> None:
    files = {
        PYTHON: library(),
        "package/fast.abi3.so": module("fast", "libone.so"),
        "package/__init__.so": module("package"),
        "package.libs/libone.so": library("libtwo.so"),
        "libtwo.so": library(),
        "libone.so": ("SYMLINK", b""),
    }
    found = plan(tmp_path, files)
    assert found.moments == {
        "package/fast.abi3.so": Moment.IMPORT,
        "package/__init__.so": Moment.IMPORT,
        "package.libs/libone.so": Moment.IMPORT,
        "libtwo.so": Moment.IMPORT,
        "libone.so": Moment.IMPORT,
    }
    assert found.libraries == {
        "package.libs/libone.so": ("libtwo.so",),
        "package/fast.abi3.so": ("libone.so", "libtwo.so", "package.libs/libone.so"),
    }


def test_data_comes_with_its_package(tmp_path: Path) -> None:
    files = {
        PYTHON: library(),
        "package/deep/data.txt": ("DATA", b""),
        "package/libplain.so": library(),
        "package/code.py": ("DATA", b""),
        "package/template.py": ("DATA", b""),
        "package-1.0.dist-info/METADATA": ("DATA", b""),
        # A module that isn't a file brings it.
        ARCHIVE: ("DATA", b""),
    }
    assert plan(tmp_path, files).moments == {
        ARCHIVE: Moment.USE,
        "package/deep/data.txt": Moment.USE,
        "package/libplain.so": Moment.USE,
        "package/code.py": Moment.READING,
        "package/template.py": Moment.USE,
        "package-1.0.dist-info/METADATA": Moment.USE,
    }


def test_what_no_import_brings_is_there_from_the_start(tmp_path: Path) -> None:
    files = {
        PYTHON: library(),
        "share/data.txt": ("DATA", b""),
        "module": ("DATA", b""),
        # Its library is needed too, although a module would bring it.
        "libplain.so": library("libone.so"),
        "libone.so": library(),
        "package/fast.so": module("fast", "libone.so"),
        deferred_files.bundled_zstd_module(): module("_zstd"),
    }
    found = {**plan(tmp_path, files).moments}
    assert found.pop("package/fast.so") == Moment.IMPORT
    assert found == {
        "share/data.txt": Moment.START,
        "module": Moment.START,
        "libplain.so": Moment.START,
        "libone.so": Moment.START,
        deferred_files.bundled_zstd_module(): Moment.START,
    }


def test_bootloader_of_windows_unpacks_libraries(tmp_path: Path) -> None:
    files = {
        PYTHON: library(),
        "package/fast.pyd": module("fast", "one.dll"),
        "package.libs/one.dll": library(),
        "package/data.txt": ("DATA", b""),
        "share/data.txt": ("DATA", b""),
    }
    assert plan(tmp_path, files, is_windows=True).moments == {
        "package/fast.pyd": Moment.IMPORT,
        "package/data.txt": Moment.USE,
    }


def test_library_that_is_not_stripped_is_a_library(tmp_path: Path) -> None:
    python, module_file, library_file = (tmp_path / name for name in ("python", "module", "library"))
    python.write_bytes(library()[1])
    module_file.write_bytes(module("fast", "libone.so")[1])
    library_file.write_bytes(library()[1])
    binaries = [
        (PYTHON, str(python), "BINARY"),
        ("package/fast.so", str(module_file), "EXTENSION"),
        ("package.libs/libone.so", str(library_file), "DATA"),
    ]
    assert plan_deferral(binaries, [], {"package", "package.fast"}, is_windows=False).moments == {
        "package/fast.so": Moment.IMPORT,
        "package.libs/libone.so": Moment.IMPORT,
    }


def test_checks_know_every_kind() -> None:
    on_demand = {
        payload.NATIVE_ON_IMPORT,
        payload.LINK_ON_IMPORT,
        payload.NATIVE_ON_DEMAND,
        payload.DATA_ON_DEMAND,
        payload.SOURCE_ON_DEMAND,
    }
    assert checked.DEFERRED.keys() == {*on_demand, payload.NATIVE_AT_START, payload.DATA_AT_START}


def test_every_file_has_a_kind_at_every_moment() -> None:
    kinds = {(moment, kind) for moment in Moment for kind in (checked.BINARY, checked.DATA)}
    assert kinds <= deferred_files._KINDS.keys()
