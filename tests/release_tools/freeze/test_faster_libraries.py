import ctypes.util
import sys
import sysconfig
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import PyInstaller
import pytest
from PyInstaller.config import CONF
from PyInstaller.depend import bindepend, dylib, utils

from release_tools.binaries.system_libraries import is_system_library
from release_tools.freeze import faster_libraries
from release_tools.freeze.faster_libraries import needs_only_the_system
from tests.release_tools.verification.static.samples import make_elf

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="only Linux finds libraries by starting programs")


@pytest.fixture
def _restored(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bindepend, "get_imports", bindepend.get_imports)
    monkeypatch.setattr(utils, "_resolveCtypesImports", utils._resolveCtypesImports)


@pytest.mark.programs
def test_nothing_to_bundle_is_missed() -> None:
    # Python's own modules may all be inside the interpreter.
    folders = (sysconfig.get_config_var("DESTSHARED"), sysconfig.get_path("platlib"))
    modules = [path for folder in folders for path in sorted(Path(folder).rglob("*.so"))]
    spared = [path for path in modules if needs_only_the_system(path)]
    assert spared
    for path in spared:
        found = {library for library, _ in bindepend.get_imports(str(path))}
        assert not {one for one in found if dylib.include_library(one) and not is_system_library(one, "linux")}, path


@pytest.mark.parametrize(
    ("content", "is_spared"),
    [
        (make_elf(needed=["libc.so.6", "libm.so.6"]), True),
        (make_elf(needed=["libc.so.6", "libstdc++.so.6"]), False),
        (b"no native file", False),
    ],
    ids=["glibc", "another library", "text"],
)
def test_only_needs_of_elf_files_are_known(tmp_path: Path, content: bytes, is_spared: bool) -> None:
    path = tmp_path / "module.so"
    path.write_bytes(content)
    assert needs_only_the_system(path) is is_spared


@pytest.mark.usefixtures("_restored")
def test_other_files_are_searched_for_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[str, Iterable[str] | None]] = []

    def search(*question: Any) -> set[tuple[str, str]]:
        asked.append(question)
        return {("libfoo.so.1", "/lib/libfoo.so.1")}

    monkeypatch.setattr(bindepend, "get_imports", search)
    assert faster_libraries.install()
    alone, needing = tmp_path / "alone.so", tmp_path / "needing.so"
    alone.write_bytes(make_elf(needed=["libc.so.6"]))
    needing.write_bytes(make_elf(needed=["libfoo.so.1"]))
    assert bindepend.get_imports(str(alone), ["/opt"]) == set()
    for _ in range(2):
        found = bindepend.get_imports(str(needing), ["/opt"])
        assert found == {("libfoo.so.1", "/lib/libfoo.so.1")}
        # As PyInstaller's hooks do.
        found.clear()
    bindepend.get_imports(str(needing))
    assert asked == [(str(needing), ("/opt",)), (str(needing), None)]


@pytest.mark.usefixtures("_restored")
def test_libraries_of_windows_are_not_searched_for(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    monkeypatch.setitem(CONF, "pathex", [])
    monkeypatch.setattr(ctypes.util, "find_library", asked.append)
    monkeypatch.setattr(utils, "LDCONFIG_CACHE", {})
    assert faster_libraries.install()
    assert utils._resolveCtypesImports(["kernel32", "Shell32.dll", "libfoo.so.1"]) == []
    assert asked == ["libfoo.so"]


@pytest.mark.usefixtures("_restored")
def test_other_releases_search_themselves(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(PyInstaller, "__version__", "6.23.0")
    before = bindepend.get_imports, utils._resolveCtypesImports
    assert not faster_libraries.install()
    assert (bindepend.get_imports, utils._resolveCtypesImports) == before
