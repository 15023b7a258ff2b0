import sys
from pathlib import Path

import lief
import pytest

from release_tools.binaries.stripping import is_strippable, with_unstrippable_as_data
from tests.release_tools.verification.static.samples import make_elf

AMD64 = b"\x3e\x00"
LIBRARY = make_elf(needed=["libc.so.6"])


def test_library_is_strippable() -> None:
    assert is_strippable(LIBRARY, AMD64)


@pytest.mark.parametrize(
    "content", [LIBRARY + b"payload", b"\x7fELF", b"", b"MZ" + LIBRARY[2:]], ids=["appended", "short", "empty", "PE"]
)
def test_other_files_are_not(content: bytes) -> None:
    assert not is_strippable(content, AMD64)


def test_library_for_another_machine_is_not() -> None:
    assert not is_strippable(LIBRARY, b"\xb7\x00")


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux binaries are stripped")
def test_program_is_data(tmp_path: Path) -> None:
    assert lief.ELF.parse(sys.executable)
    appended = tmp_path / "appended.so"
    appended.write_bytes(LIBRARY + b"payload")
    entries = [("bin/python", sys.executable, "BINARY"), ("appended.so", str(appended), "BINARY")]
    assert [kind for *_, kind in with_unstrippable_as_data(entries)] == ["DATA", "DATA"]
