import sys
from pathlib import Path

import lief
import pytest

from release_tools.binaries.stripping import is_strippable, with_programs_as_data, with_unstrippable_as_data
from tests.release_tools.verification.static.samples import make_elf

LIBRARY = make_elf(needed=["libc.so.6"])

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="only Linux binaries are stripped")


def test_library_is_strippable() -> None:
    assert is_strippable(LIBRARY)


@pytest.mark.parametrize(
    "content",
    [LIBRARY + b"payload", make_elf(is_static_program=True), b"\x7fELF", b"", b"MZ" + LIBRARY[2:]],
    ids=["appended", "static program", "short", "empty", "PE"],
)
def test_other_files_are_not(content: bytes) -> None:
    assert not is_strippable(content)


def test_library_for_another_machine_is_not() -> None:
    assert not is_strippable(LIBRARY[:18] + b"\x02\x00" + LIBRARY[20:])


def test_programs_are_copied_as_they_are(tmp_path: Path) -> None:
    contents = {"bin/tool": make_elf(is_static_program=True, runpath="/opt/lib"), "fast.so": LIBRARY, "a.txt": b"text"}
    for name, content in contents.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(content)
    entries = [(name, str(tmp_path / name), "BINARY") for name in contents]
    assert [kind for *_, kind in with_programs_as_data(entries)] == ["DATA", "BINARY", "BINARY"]


def test_program_is_data(tmp_path: Path) -> None:
    assert lief.ELF.parse(sys.executable)
    appended = tmp_path / "appended.so"
    appended.write_bytes(LIBRARY + b"payload")
    entries = [("bin/python", sys.executable, "BINARY"), ("appended.so", str(appended), "BINARY")]
    assert [kind for *_, kind in with_unstrippable_as_data(entries)] == ["DATA", "DATA"]
