import marshal
import struct
from pathlib import Path
from types import CodeType
from typing import Final

import pytest

from release_tools.binaries.payload import BINARY, DATA, Payload, PayloadError, PayloadMember
from tests.release_tools.verification.static.samples import make_elf, make_macho, make_pe, write_one_file

MIB: Final = 1024 * 1024


@pytest.fixture(params=[make_elf(), make_macho(), make_pe()], ids=["ELF", "Mach-O", "PE"])
def bootloader(request: pytest.FixtureRequest) -> bytes:
    content: bytes = request.param
    return content


@pytest.fixture
def executable(tmp_path: Path, bootloader: bytes) -> Path:
    path = tmp_path / "app"
    write_one_file(
        path,
        bootloader=bootloader,
        binaries={"native.so": b"native"},
        data={"app/words.txt": b"words " * 100, "empty": b""},
        modules={"app": "", "app.cli": "NAME = 'app'"},
        script="print('hello')",
    )
    return path


def test_members_have_names_kinds_and_contents(executable: Path) -> None:
    payload = Payload(executable)
    found = {member.name: (member.kind, payload.read(member)) for member in payload.members if member.kind in "bx"}
    assert found == {
        "native.so": (BINARY, b"native"),
        "app/words.txt": (DATA, b"words " * 100),
        "empty": (DATA, b""),
    }


def test_modules_are_read_as_code(executable: Path) -> None:
    payload = Payload(executable)
    assert set(payload.module_sizes) == {"app", "app.cli"}
    codes = {name: marshal.loads(content) for name, content in payload.read_modules()}  # noqa: S302 - made by this test
    assert isinstance(codes["app.cli"], CodeType)
    assert "NAME" in codes["app.cli"].co_names


def test_last_script_is_the_main_script(executable: Path) -> None:
    assert Payload(executable).main_script.name == "main"


def test_bootloader_is_everything_around_the_payload(executable: Path, bootloader: bytes) -> None:
    assert Payload(executable).bootloader() == bootloader
    with executable.open("ab") as file:
        file.write(b"a signature")
    assert Payload(executable).bootloader() == bootloader + b"a signature"


def test_program_without_payload_is_refused_by_name(tmp_path: Path, bootloader: bytes) -> None:
    path = tmp_path / "tool"
    path.write_bytes(bootloader)
    with pytest.raises(PayloadError) as caught:
        Payload(path)
    assert caught.value.what.startswith("tool isn't a PyInstaller one-file executable: ")


def test_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(PayloadError):
        Payload(tmp_path / "gone")


def test_damaged_payload_is_refused(executable: Path) -> None:
    content = executable.read_bytes()
    end = content.rindex(b"MEI\014\013\012\013\016")
    executable.write_bytes(content[: end - 400] + b"\xff" * 400 + content[end:])
    with pytest.raises(PayloadError):
        list(Payload(executable).read_modules())


def test_damaged_module_is_refused(executable: Path) -> None:
    content = executable.read_bytes()
    start = content.index(b"PYZ\0") + 17
    executable.write_bytes(content[:start] + b"\0" * 20 + content[start + 20 :])
    with pytest.raises(PayloadError):
        list(Payload(executable).read_modules())


def write_bombs(path: Path, *sizes: int) -> list[PayloadMember]:
    """Write an executable with a compressed member of zeros for each size in bytes; returns these members."""
    # `write_one_file` compresses every second member.
    data = {
        f"{kind}-{number}": bytes(size)
        for number, size in enumerate(sizes)
        for kind, size in (("stored", 0), ("zeros", size))
    }
    write_one_file(path, bootloader=make_elf(), data=data)
    assert path.stat().st_size < MIB
    return [member for member in Payload(path).members if member.name.startswith("zeros")]


def test_zip_bomb_is_refused(tmp_path: Path) -> None:
    (bomb,) = write_bombs(tmp_path / "app", 65 * MIB)
    with pytest.raises(PayloadError):
        Payload(tmp_path / "app").read(bomb)


def test_members_that_inflate_too_much_together_are_refused(tmp_path: Path) -> None:
    first, second = write_bombs(tmp_path / "app", 40 * MIB, 40 * MIB)
    payload = Payload(tmp_path / "app")
    assert len(payload.read(first)) == 40 * MIB
    with pytest.raises(PayloadError):
        payload.read(second)


def test_overlapping_members_are_refused(executable: Path) -> None:
    content = executable.read_bytes()
    entry = content.index(b"app/words.txt") - 18
    # A TOC entry has its own length, the member's offset, then the member's length.
    claimed = struct.pack("!I", len(content))
    executable.write_bytes(content[: entry + 8] + claimed + content[entry + 12 :])
    with pytest.raises(PayloadError):
        Payload(executable)
