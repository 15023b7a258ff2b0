import json
import os
import sys
from pathlib import Path

import pytest

from release_tools.freeze import upx
from release_tools.freeze.upx import PackedFile, describe, pack

posix = pytest.mark.skipif(os.name == "nt", reason="Windows can't execute scripts")

# Packs a file by keeping its first half, and refuses those that begin with some letters, in UPX's words.
FAKE_UPX = """\
import pathlib, sys
path = pathlib.Path(sys.argv[-1])
content = path.read_bytes()
if content.startswith(b"x"):
    sys.exit("upx: file.so: CantPackException: DT_GNU_HASH above stub")
if content.startswith(b"y"):
    sys.exit("upx: file.so: NotCompressibleException\\n\\nPacked 1 file: 0 ok, 1 error.")
if content.startswith(b"z"):
    sys.exit(3)
path.write_bytes(content[: len(content) // 2])
"""


@pytest.fixture
def library(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    program = tmp_path / "bin" / "upx"
    program.parent.mkdir()
    program.write_text(f"#!{sys.executable}\n{FAKE_UPX}", encoding="utf-8")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(program.parent))
    library = tmp_path / "library.so"
    library.write_bytes(bytes(100))
    return library


@posix
@pytest.mark.programs
def test_copy_is_packed_and_the_source_stays(library: Path, tmp_path: Path) -> None:
    target = tmp_path / "packed" / "package" / "library.so"
    assert pack(library, target) == PackedFile(name="library.so", before=100, after=50)
    assert (target.stat().st_size, library.stat().st_size) == (50, 100)


@posix
@pytest.mark.programs
@pytest.mark.parametrize(
    ("letter", "reason"),
    [("x", "DT_GNU_HASH above stub"), ("y", "NotCompressibleException"), ("z", "exit code 3")],
)
def test_refused_file_stays_with_the_reason(library: Path, tmp_path: Path, letter: str, reason: str) -> None:
    library.write_text(letter * 100, encoding="ascii")
    file = pack(library, tmp_path / "packed" / "library.so")
    assert (file.before, file.after, file.reason) == (100, 100, reason)


@posix
@pytest.mark.parametrize("name", [".library.so.hmac", "library.chk"])
def test_file_with_a_checksum_is_left_alone(library: Path, tmp_path: Path, name: str) -> None:
    library.with_name(name).touch()
    # `pack` would start a program, which this test may not.
    assert pack(library, tmp_path / "packed.so").reason


@posix
@pytest.mark.programs
def test_pyinstaller_gets_packed_files(library: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from PyInstaller.building import api  # noqa: PLC0415 - patched below

    refused = tmp_path / "refused.so"
    refused.write_bytes(b"x")
    monkeypatch.setattr(api, "process_collected_binary", lambda source, _name, **_: source)
    report = tmp_path / "upx.json"
    upx.install(tmp_path / "packed", report)
    # The second time for the probe twin.
    for _ in range(2):
        found = api.process_collected_binary(str(library), "package/library.so", use_strip=True)
        assert Path(found) == tmp_path / "packed" / "package" / "library.so"
        assert Path(found).stat().st_size == 50
        assert api.process_collected_binary(str(refused), "refused.so") == str(refused)
    assert [row["after"] for row in json.loads(report.read_text(encoding="utf-8"))] == [50, 1]


def test_saved_bytes_are_described(tmp_path: Path) -> None:
    report = tmp_path / "upx.json"
    rows = [
        {"name": "a.so", "before": 3000, "after": 1000, "reason": ""},
        *({"name": f"{letter}.so", "before": 500, "after": 500, "reason": "no"} for letter in "bcde"),
    ]
    report.write_text(json.dumps(rows), encoding="utf-8")
    text = describe(report)
    assert "1 of 5 native files, 3,000 to 1,000 bytes (2,000 saved)" in text
    assert text.endswith("b.so (no), c.so (no), d.so (no), 1 more")


def test_nothing_packed_is_described(tmp_path: Path) -> None:
    assert "0 of 0" in describe(tmp_path / "missing.json")
