import marshal
import struct
import tracemalloc
from typing import Any

import pytest

from release_tools.binaries.module_table import LARGEST_BLOCK, ModuleTable, read_module_table

TABLE = {
    "app": (1, 17, 30),
    "app.cli": (0, 47, 300),
    "app.names": (3, 0, 0),
    "app.é": (0, 347, 5),
    "a" * 300: (0, 352, 70_000),
}


def archive_with(table: bytes, size: int = 80_000) -> bytes:
    """A PYZ archive of this size with a table of contents at the end."""
    return struct.pack("!4s4sii", b"PYZ\0", b"\xf3\r\r\n", size, 0).ljust(size, b"\0") + table


@pytest.mark.parametrize("version", range(marshal.version + 1))
def test_table_in_every_marshal_version_is_read(version: int) -> None:
    found = read_module_table(archive_with(marshal.dumps(list(TABLE.items()), version)))
    assert found == ModuleTable(modules=TABLE, blocks=())


def test_table_of_many_modules_is_read() -> None:
    table = {f"module_{number}": (0, number, 1) for number in range(3000)}
    assert read_module_table(archive_with(marshal.dumps(list(table.items())))).modules == table


def with_blocks(blocks: Any, modules: dict[str, tuple[int, int, int]]) -> bytes:
    """An archive whose modules are in blocks."""
    listed = marshal.dumps(blocks)
    begin = struct.pack("!4s4sii", b"PYZ\0", b"\xf3\r\r\n", 80_000, 1000).ljust(1000, b"\0")
    archive = begin + struct.pack("!i", len(listed)) + listed
    return archive.ljust(80_000, b"\0") + marshal.dumps(list(modules.items()))


def test_blocks_are_read() -> None:
    blocks = [(0, 100, 50), (1_000_000, 150, 30)]
    modules = {"app": (1, 17, 30), "app.cli": (0, ~0, 500_000), "app.other": (0, ~500_000, 900_000)}
    assert read_module_table(with_blocks(blocks, modules)) == ModuleTable(modules=modules, blocks=tuple(blocks))


@pytest.mark.parametrize(
    ("blocks", "size", "reason"),
    [
        ([(0, 100, 50)], LARGEST_BLOCK + 1, "larger"),
        ([(0, 100, 90_000)], 1, "larger"),
        ([(0, 100, -1)], 1, "damaged"),
        ({}, 1, "unexpected type"),
        ("blocks", 1, "damaged"),
    ],
)
def test_damaged_list_of_blocks_is_refused(blocks: Any, size: int, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        read_module_table(with_blocks(blocks, {"app": (0, ~0, size)}))


@pytest.mark.parametrize(
    ("table", "reason"),
    [
        (b"", "truncated"),
        (b"[\x02\x00\x00\x00i\x01\x00\x00\x00", "truncated"),
        (b"z\xffabc", "truncated"),
        (b"u\xff\xff\xff\xff", "truncated"),
        (b"r\x07\x00\x00\x00", "dangling reference"),
        (marshal.dumps({}), "unexpected type"),
        (marshal.dumps([[[[]]]]), "unexpected type"),
        (marshal.dumps("app"), "damaged"),
        (marshal.dumps([("app", (0, 1))]), "damaged"),
        (marshal.dumps([("app", (0, 1, -5))]), "damaged"),
        (marshal.dumps([("app", (0, -1, 5))]), "larger"),
        (marshal.dumps([(7, (0, 1, 5))]), "damaged"),
        (marshal.dumps([("app", (0, 20, 79_000)), ("other", (0, 20, 79_000))]), "larger"),
    ],
)
def test_damaged_table_is_refused(table: bytes, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        read_module_table(archive_with(table))


@pytest.mark.parametrize("kind", [b"[", b"("])
def test_huge_item_count_allocates_no_memory(kind: bytes) -> None:
    archive = archive_with(kind + struct.pack("<i", 2**31 - 1) + b"[\0\0\0\0" * 1000)
    tracemalloc.start()
    try:
        with pytest.raises(ValueError, match="truncated"):
            read_module_table(archive)
        assert tracemalloc.get_traced_memory()[1] < 2**20
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("header", [b"PYZ\0", b"PYY\0" + bytes(20), struct.pack("!4s4si4s", b"PYZ\0", b"", 99, b"")])
def test_archive_without_table_is_refused(header: bytes) -> None:
    with pytest.raises((ValueError, struct.error)):
        read_module_table(header)
