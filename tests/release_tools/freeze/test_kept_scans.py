import ast
import hashlib
import importlib.util
import logging
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from types import CodeType
from typing import Any

import PyInstaller
import pytest
from PyInstaller.building import api
from PyInstaller.lib.modulegraph import modulegraph

from release_tools.binaries import compression, native_files
from release_tools.binaries.compression import decompress
from release_tools.binaries.native_files import read_native
from release_tools.binaries.rpaths import clean_rpaths
from release_tools.binaries.stripping import STRIP
from release_tools.errors import MissingToolError
from release_tools.freeze import kept_scans
from release_tools.freeze.kept_scans import KeptScans, KeptTree, install
from release_tools.lockfile import LIBRARY
from tests.release_tools.verification.static.samples import make_elf, make_macho, make_pe

SOURCE = """\
import a, b.c
from . import *
from .d import e, e
if a:
    try:
        from f import g
    except ImportError:
        pass
def function():
    global h
    import i
    h = 1
class Class:
    method = del_ = 1
    del del_
"""

Analysis = tuple[list[Any], set[str], CodeType]


@pytest.fixture
def _restored(monkeypatch: pytest.MonkeyPatch) -> None:
    """Undoes what `install` changes."""
    monkeypatch.setattr(modulegraph, "compile", compile, raising=False)
    monkeypatch.setattr(modulegraph.ModuleGraph, "_scan_code", modulegraph.ModuleGraph._scan_code)
    monkeypatch.setattr(api, "get_code_object", api.get_code_object)


def analyze(source: str | bytes, name: str = "/somewhere/module.py") -> Analysis:
    """What the graph knows of a module after its scan: imports, names and code, whose file name doesn't count."""
    graph = modulegraph.ModuleGraph()
    module = modulegraph.SourceModule("module")
    tree = modulegraph.compile(source, name, "exec", ast.PyCF_ONLY_AST, True)
    code: CodeType = modulegraph.compile(tree, name, "exec", 0, True)
    graph._scan_code(module, code, tree)
    imports = [(star, (what[0], *what[2:]), data) for star, what, data in module._deferred_imports]
    assert all(what[1] is module for _, what, _ in module._deferred_imports)
    return imports, module._global_attr_names, code


def sources() -> list[str]:
    standard = sorted(Path(importlib.util.__file__).parents[1].glob("*.py"))
    return [SOURCE, *(path.read_text(encoding="utf-8") for path in standard[:80])]


@pytest.mark.usefixtures("_restored")
def test_kept_scan_equals_pyinstallers(tmp_path: Path) -> None:
    expected = [analyze(source) for source in sources()]
    first = install(tmp_path / "scans")
    assert [analyze(source) for source in sources()] == expected
    first.save()
    second = install(tmp_path / "scans")
    assert [analyze(source) for source in sources()] == expected
    assert (first.reused, second.reused) == (0, len(sources()))
    assert expected[0][1] >= {"function", "Class", "h"}


@pytest.mark.usefixtures("_restored")
def test_code_that_the_analysis_did_not_meet_is_kept(tmp_path: Path) -> None:
    module = tmp_path / "module.py"
    module.write_text(SOURCE, encoding="utf-8")
    expected = api.get_code_object("module", str(module), optimize=0)
    for reused_before in (0, 1):
        scans = install(tmp_path / "scans")
        assert api.get_code_object("module", str(module), optimize=0) == expected
        assert (len(scans.used), scans.reused) == (1, reused_before)
        scans.save()


@pytest.mark.usefixtures("_restored")
def test_invalid_module_that_the_analysis_did_not_meet_is_logged(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    module = tmp_path / "module.py"
    module.write_text("import (", encoding="utf-8")
    install(tmp_path / "scans")
    # The app, which other tests run in this process, silences all loggers without a level of their own.
    caplog.set_level(logging.WARNING, logger="PyInstaller.building.utils")
    with pytest.raises(SyntaxError):
        api.get_code_object("module", str(module), optimize=0)
    (record,) = caplog.records
    assert str(module) in record.getMessage()


@pytest.fixture
def kept(tmp_path: Path) -> Path:
    """A file with the scans of three sources."""
    scans = KeptScans(tmp_path / "scans")
    for source in (SOURCE, "import one\n", b"import two\n"):
        scans.find(source, "module.py")
    scans.save()
    return tmp_path / "scans"


def reused(path: Path, source: str | bytes = SOURCE) -> int:
    scans = KeptScans(path)
    found = scans.find(source, "module.py")
    assert isinstance(found, KeptTree)
    expected = KeptScans(None).find(source, "module.py")
    assert isinstance(expected, KeptTree)
    assert (found.imports, found.code) == (expected.imports, expected.code)
    return scans.reused


def test_unchanged_file_is_reused(kept: Path) -> None:
    assert reused(kept) == 1


@pytest.mark.parametrize("source", [SOURCE.replace("import i", "import j"), SOURCE.encode(), b"", ""])
def test_changed_file_is_scanned(kept: Path, source: str | bytes) -> None:
    assert reused(kept, source) == 0


def flip(content: bytes, place: int) -> bytes:
    return content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :]


@pytest.mark.parametrize(
    "damage",
    [
        lambda _: b"",
        lambda content: content[:10],
        lambda content: b"\0" * len(content),
        lambda content: flip(content, 0),
        lambda content: flip(content, len(kept_scans._MAGIC)),
        lambda content: content[: len(kept_scans._MAGIC) + 32 + 70],
        # One bit in every byte of all entries.
        lambda content: content[:54] + bytes(byte ^ 1 for byte in content[54:]),
    ],
)
def test_damaged_file_is_scanned_and_written_again(kept: Path, damage: Callable[[bytes], bytes]) -> None:
    whole = kept.read_bytes()
    kept.write_bytes(damage(whole))
    assert reused(kept) == 0
    scans = KeptScans(kept)
    scans.find(SOURCE, "module.py")
    scans.save()
    assert reused(kept) == 1


def test_no_flipped_bit_is_believed(kept: Path) -> None:
    whole = kept.read_bytes()
    for place in range(0, len(whole), 7):
        kept.write_bytes(flip(whole, place))
        for source in (SOURCE, "import one\n", b"import two\n"):
            reused(kept, source)


@pytest.mark.parametrize("changed", ["python", "pyinstaller", "library"])
def test_scans_of_another_release_are_not_believed(
    kept: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, changed: str
) -> None:
    match changed:
        case "python":
            monkeypatch.setattr(sys, "version", f"{sys.version} (another build)")
        case "pyinstaller":
            monkeypatch.setattr(PyInstaller, "__version__", "6.22.99")
        case _:
            (tmp_path / "edited.py").write_text("edited", encoding="utf-8")
            monkeypatch.setattr(kept_scans, "__file__", str(tmp_path / "edited.py"))
    assert reused(kept) == 0


@pytest.mark.parametrize("name", ["native_parser.py", "rpaths.py", "compression.py"])
def test_scans_by_other_code_are_not_believed(
    kept: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    binaries = shutil.copytree(LIBRARY / "binaries", tmp_path / "binaries")
    monkeypatch.setattr(native_files, "__file__", str(binaries / "native_files.py"))
    assert reused(kept) == 1
    with (binaries / name).open("a", encoding="utf-8") as file:
        file.write("# edited\n")
    assert reused(kept) == 0


def test_what_a_build_does_not_use_is_dropped(kept: Path) -> None:
    size = kept.stat().st_size
    scans = KeptScans(kept)
    scans.find("import one\n", "module.py")
    scans.save()
    assert kept.stat().st_size < size
    assert (reused(kept, "import one\n"), reused(kept)) == (1, 0)


@pytest.mark.usefixtures("_restored")
@pytest.mark.parametrize("source", ["import (", "return 1", b"\xff", "x = '\0'"])
def test_invalid_source_fails_as_without_scans(tmp_path: Path, source: str | bytes) -> None:
    def outcome() -> type[Exception]:
        with pytest.raises((SyntaxError, ValueError)) as caught:
            analyze(source)
        return caught.type

    expected = outcome()
    scans = install(tmp_path / "scans")
    assert outcome() is expected
    assert not scans.used


@pytest.mark.usefixtures("_restored")
def test_other_pyinstaller_scans_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(PyInstaller, "__version__", "6.23.0")
    scans = install(tmp_path / "scans")
    analyze(SOURCE)
    assert not scans.used


def test_compressed_content_is_kept(kept: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    scans = KeptScans(kept)
    expected = scans.compressed(b"content" * 100)
    scans.save()
    calls: list[bytes] = []
    monkeypatch.setattr(compression, "compress", lambda content, _: calls.append(content))
    assert KeptScans(kept).compressed(b"content" * 100) == expected
    assert calls == []
    assert decompress(expected, 700) == b"content" * 100


def test_content_at_another_level_is_compressed_again(kept: Path) -> None:
    content = Path(__file__).read_bytes()
    scans = KeptScans(kept)
    smallest = scans.compressed(content)
    scans.save()
    fastest = KeptScans(kept, compression.FASTEST_LEVEL).compressed(content)
    assert len(smallest) < len(fastest)
    assert decompress(fastest, len(content)) == content


def test_content_for_another_zstandard_is_compressed_again(kept: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    scans = KeptScans(kept)
    scans.compressed(b"content")
    scans.save()
    monkeypatch.setattr(compression, "VERSION", "another")
    monkeypatch.setattr(compression, "compress", lambda *_: b"again")
    assert KeptScans(kept).compressed(b"content") == b"again"


def files(folder: Path, *contents: bytes) -> list[Path]:
    """New files with these contents."""
    paths = [folder / f"{number}.bin" for number in range(len(contents))]
    for path, content in zip(paths, contents, strict=True):
        path.write_bytes(content)
    return paths


NATIVES = (
    make_elf(runpath="/home/builder/lib", versions={"libc.so.6": ["GLIBC_2.28"]}),
    make_pe(),
    make_macho(),
)


@pytest.mark.parametrize("content", [*NATIVES, b"MZ, and nothing else", b"text"])
def test_native_file_is_read_once_by_all_builds(
    kept: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: bytes
) -> None:
    (path,) = files(tmp_path, content)
    expected = read_native(content)
    scans = KeptScans(kept)
    assert scans.native(path) == expected
    scans.save()
    monkeypatch.setattr(kept_scans, "read_native_file", None)
    again = KeptScans(kept)
    assert again.native(path) == expected
    assert (again.found, again.reused) == (0, 0)


def test_file_is_digested_again_only_when_its_time_changes(
    kept: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    digested: list[str] = []
    digest = hashlib.file_digest

    def count(file: Any, name: str) -> Any:
        digested.append(file.name)
        return digest(file, name)

    monkeypatch.setattr(hashlib, "file_digest", count)
    (path,) = files(tmp_path, make_elf(needed=["libone.so"]))
    scans = KeptScans(kept)
    before = [scans.native(path) for _ in range(2)]
    assert len(digested) == 1
    path.write_bytes(make_elf(needed=["libtwo.so"]))
    os.utime(path, ns=(0, 0))
    natives = [*before, scans.native(path)]
    assert [native.libraries for native in natives if native] == [("libone.so",), ("libone.so",), ("libtwo.so",)]


def test_foreign_rpaths_are_removed_once(kept: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    foreign = make_elf(runpath="/home/builder/lib:$ORIGIN") + bytes(1_000_000)
    paths = files(tmp_path, foreign, make_elf(runpath="$ORIGIN"), b"text")
    size = kept.stat().st_size
    scans = KeptScans(kept)
    expected = [scans.cleaned(path) for path in paths]
    scans.save()
    assert expected == [clean_rpaths(foreign), None, None]
    assert kept.stat().st_size < size + 20_000
    monkeypatch.setattr(kept_scans, "clean_rpaths", None)
    assert [KeptScans(kept).cleaned(path) for path in paths] == expected


def test_rpath_that_cannot_be_removed_stays(kept: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (path,) = files(tmp_path, make_elf(runpath="/home/builder/lib"))
    monkeypatch.setattr(kept_scans, "clean_rpaths", bytes)
    assert KeptScans(kept).cleaned(path) is None


@pytest.mark.programs
def test_freeze_that_knows_all_native_files_imports_no_parser(kept: Path, tmp_path: Path) -> None:
    paths = files(tmp_path, *NATIVES)
    scans = KeptScans(kept)
    for path in paths:
        scans.native(path)
        scans.cleaned(path)
    scans.save()
    check = (
        "import sys; from pathlib import Path; from release_tools.freeze.kept_scans import KeptScans\n"
        f"scans = KeptScans(Path({str(kept)!r}))\n"
        f"natives = [(scans.native(path), scans.cleaned(path)) for path in map(Path, {[*map(str, paths)]})]\n"
        "assert all(native for native, _ in natives)\n"
        "assert any(cleaned for _, cleaned in natives)\n"
        "assert 'lief' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", check], cwd=LIBRARY.parent, check=True, timeout=60)


@pytest.mark.programs
@pytest.mark.skipif(sys.platform != "linux", reason="only Linux binaries are stripped")
def test_files_are_stripped_once(kept: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stripped: list[str] = []

    def strip(sources: Mapping[Path, Path]) -> list[Path]:
        stripped.extend(copy.name for copy in sources)
        for copy, source in sources.items():
            copy.write_bytes(source.read_bytes()[:3])
        return [copy for copy in sources if copy.name == "refused.so"]

    def contents(*names: str) -> list[bytes]:
        sources = {tmp_path / name: tmp_path / f"{name}.1" for name in names}
        for copy, source in sources.items():
            copy.unlink(missing_ok=True)
            source.write_text(f"{copy.name} and its symbols", encoding="utf-8")
        scans = KeptScans(kept)
        scans.strip_copies(sources)
        scans.save()
        return [copy.read_bytes() for copy in sources]

    monkeypatch.setattr(kept_scans, "strip_copies", strip)
    assert contents("one.so") == [b"one"]
    assert contents("one.so", "two.so") == [b"one", b"two"]
    assert contents("one.so", "two.so") == [b"one", b"two"]
    assert stripped == ["one.so", "two.so"]
    for _ in range(2):
        contents("one.so", "refused.so")
    assert stripped == ["one.so", "two.so", "refused.so", "refused.so"]
    program = tmp_path / "bin" / STRIP
    program.parent.mkdir()
    program.write_bytes(b"another version")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}{os.pathsep}{os.environ['PATH']}")
    assert contents("one.so") == [b"one"]
    assert stripped[4:] == ["one.so"]
    monkeypatch.setenv("PATH", str(tmp_path))
    KeptScans(kept).strip_copies({})
    with pytest.raises(MissingToolError):
        KeptScans(kept).strip_copies({tmp_path / "one.so": tmp_path / "one.so.1"})
