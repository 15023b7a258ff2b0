"""The table of the bundled modules is read as PyInstaller writes it, and nothing else is believed."""

import marshal
import struct
import tracemalloc

import pytest

from release_tools.binaries.module_table import read_module_table

TABLE = {
    "app": (1, 17, 30),
    "app.cli": (0, 47, 300),
    "app.names": (3, 0, 0),
    "app.é": (0, 347, 5),
    "a" * 300: (0, 352, 70_000),
}


def archive_with(table: bytes, size: int = 80_000) -> bytes:
    """An archive of modules of this size before its table."""
    return struct.pack("!4s4sii", b"PYZ\0", b"\xf3\r\r\n", size, 0).ljust(size, b"\0") + table


def test_a_table_is_read_as_marshal_reads_it() -> None:
    assert read_module_table(archive_with(marshal.dumps(list(TABLE.items())))) == TABLE


@pytest.mark.parametrize("version", range(marshal.version + 1))
def test_every_form_of_marshal_is_read(version: int) -> None:
    assert read_module_table(archive_with(marshal.dumps(list(TABLE.items()), version))) == TABLE


def test_a_table_of_many_modules_is_read_whole() -> None:
    table = {f"module_{number}": (0, number, 1) for number in range(3000)}
    assert read_module_table(archive_with(marshal.dumps(list(table.items())))) == table


@pytest.mark.parametrize(
    ("table", "words"),
    [
        (b"", "cut off"),
        (b"[\x02\x00\x00\x00i\x01\x00\x00\x00", "cut off"),
        (b"z\xffabc", "cut off"),
        (b"u\xff\xff\xff\xff", "cut off"),
        (b"r\x07\x00\x00\x00", "refers to nothing"),
        (marshal.dumps({}), "holds what no table does"),
        (marshal.dumps([[[[]]]]), "holds what no table does"),
        (marshal.dumps("app"), "damaged"),
        (marshal.dumps([("app", (0, 1))]), "damaged"),
        (marshal.dumps([("app", (0, -1, 5))]), "damaged"),
        (marshal.dumps([(7, (0, 1, 5))]), "damaged"),
        (marshal.dumps([("app", (0, 20, 79_000)), ("other", (0, 20, 79_000))]), "larger than the archive"),
    ],
)
def test_what_is_no_table_is_refused(table: bytes, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        read_module_table(archive_with(table))


@pytest.mark.parametrize("kind", [b"[", b"("])
def test_a_claim_of_many_items_takes_no_memory(kind: bytes) -> None:
    archive = archive_with(kind + struct.pack("<i", 2**31 - 1) + b"[\0\0\0\0" * 1000)
    tracemalloc.start()
    try:
        with pytest.raises(ValueError, match="cut off"):
            read_module_table(archive)
        assert tracemalloc.get_traced_memory()[1] < 2**20
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("header", [b"PYZ\0", b"PYY\0" + bytes(20), struct.pack("!4s4si4s", b"PYZ\0", b"", 99, b"")])
def test_an_archive_without_a_table_is_refused(header: bytes) -> None:
    with pytest.raises((ValueError, struct.error)):
        read_module_table(header)
