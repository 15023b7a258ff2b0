"""The payload of an executable of any platform is read without starting it."""

import marshal
from pathlib import Path
from types import CodeType

import pytest

from release_tools.payload import BINARY, DATA, Payload, PayloadError

from .samples import make_elf, make_macho, make_pe, write_one_file


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
    # Made a moment ago, by this test.
    codes = {name: marshal.loads(content) for name, content in payload.read_modules()}  # noqa: S302
    assert isinstance(codes["app.cli"], CodeType)
    assert "NAME" in codes["app.cli"].co_names
    assert payload.is_of_running_python


def test_the_main_script_is_the_last_one(executable: Path) -> None:
    assert Payload(executable).main_script.name == "main"


def test_the_bootloader_is_what_stands_around_the_payload(executable: Path, bootloader: bytes) -> None:
    assert Payload(executable).bootloader() == bootloader
    with executable.open("ab") as file:
        file.write(b"a signature")
    assert Payload(executable).bootloader() == bootloader + b"a signature"


def test_code_of_another_python_is_told(executable: Path) -> None:
    content = executable.read_bytes()
    start = content.index(b"PYZ\0") + 4
    executable.write_bytes(content[:start] + b"\x99\x99" + content[start + 2 :])
    assert not Payload(executable).is_of_running_python


def test_a_program_without_a_payload_is_refused_with_its_name(tmp_path: Path, bootloader: bytes) -> None:
    path = tmp_path / "tool"
    path.write_bytes(bootloader)
    with pytest.raises(PayloadError, match="tool is no one-file executable of PyInstaller: Could not find COOKIE"):
        Payload(path)


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(PayloadError, match="gone is no one-file executable"):
        Payload(tmp_path / "gone")


def test_a_damaged_payload_is_refused(executable: Path) -> None:
    content = executable.read_bytes()
    end = content.rindex(b"MEI\014\013\012\013\016")
    executable.write_bytes(content[: end - 400] + b"\xff" * 400 + content[end:])
    with pytest.raises(PayloadError):
        list(Payload(executable).read_modules())


def test_a_damaged_module_is_refused(executable: Path) -> None:
    content = executable.read_bytes()
    start = content.index(b"PYZ\0") + 17
    executable.write_bytes(content[:start] + b"\0" * 20 + content[start + 20 :])
    with pytest.raises(PayloadError):
        list(Payload(executable).read_modules())
