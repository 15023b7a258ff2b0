import errno
import gzip
import io
import os
import shutil
import stat
import subprocess
import tarfile
import zipfile
from pathlib import Path

import pytest

from release_tools.archives import (
    Member,
    differing_members,
    member_modes,
    sha256_of,
    unpack_archive,
    write_archive,
    write_checksum,
)
from release_tools.errors import UnsafeArchiveError

MODIFIED = 1_700_000_000


@pytest.fixture(params=[".tar.gz", ".zip"])
def suffix(request: pytest.FixtureRequest) -> str:
    value: str = request.param
    return value


def make_members(folder: Path) -> list[Member]:
    folder.mkdir(exist_ok=True)
    (folder / "program").write_bytes(b"\x7fELF" * 1000)
    (folder / "LICENSE").write_text("free\n", encoding="utf-8")
    return [
        Member(name="program", path=folder / "program", mode=0o755),
        Member(name="LICENSE", path=folder / "LICENSE", mode=0o644),
    ]


def test_equal_files_give_equal_bytes_whatever_their_times_and_order(tmp_path: Path, suffix: str) -> None:
    members = make_members(tmp_path / "one")
    first, second = tmp_path / f"first{suffix}", tmp_path / f"second{suffix}"
    write_archive(first, members, MODIFIED)
    again = make_members(tmp_path / "two")
    os.utime(again[0].path, (1, 1))
    again[0].path.chmod(0o600)
    write_archive(second, again[::-1], MODIFIED)
    assert sha256_of(first) == sha256_of(second)
    assert differing_members(first, second) == []


def test_what_is_packed_comes_out_with_its_mode(tmp_path: Path, suffix: str) -> None:
    archive = tmp_path / f"app{suffix}"
    write_archive(archive, make_members(tmp_path / "in"), MODIFIED)
    names = unpack_archive(archive, tmp_path / "out")
    assert names == ("LICENSE", "program")
    assert (tmp_path / "out" / "program").read_bytes() == b"\x7fELF" * 1000
    assert member_modes(archive) == {"program": 0o755, "LICENSE": 0o644}
    if os.name == "posix":
        assert stat.S_IMODE((tmp_path / "out" / "program").stat().st_mode) == 0o755


def test_unpacking_starts_with_an_empty_folder(tmp_path: Path, suffix: str) -> None:
    archive = tmp_path / f"app{suffix}"
    write_archive(archive, make_members(tmp_path / "in"), MODIFIED)
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "left over").write_text("", encoding="utf-8")
    unpack_archive(archive, tmp_path / "out")
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["LICENSE", "program"]


def test_times_before_1980_fit_into_a_zip(tmp_path: Path) -> None:
    archive = tmp_path / "app.zip"
    write_archive(archive, make_members(tmp_path / "in"), 0)
    with zipfile.ZipFile(archive) as opened:
        assert opened.infolist()[0].date_time[0] == 1980


def test_the_members_that_differ_are_named(tmp_path: Path, suffix: str) -> None:
    members = make_members(tmp_path / "in")
    first, second = tmp_path / f"first{suffix}", tmp_path / f"second{suffix}"
    write_archive(first, members, MODIFIED)
    members[1].path.write_text("changed\n", encoding="utf-8")
    write_archive(second, members, MODIFIED)
    assert differing_members(first, second) == ["LICENSE"]


@pytest.mark.programs
def test_sha256sum_accepts_the_checksum(tmp_path: Path) -> None:
    archive = tmp_path / "app.tar.gz"
    write_archive(archive, make_members(tmp_path / "in"), MODIFIED)
    checksum = write_checksum(archive)
    assert checksum.name == "app.tar.gz.sha256"
    assert b"\r" not in checksum.read_bytes()
    checked = subprocess.run(
        ["sha256sum", "-c", checksum.name], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert checked.stdout == "app.tar.gz: OK\n"


def tar_with(path: Path, *entries: tarfile.TarInfo) -> Path:
    with tarfile.open(path, "w:gz") as opened:
        for entry in entries:
            opened.addfile(entry, io.BytesIO(b"x" * entry.size))
    return path


def entry(name: str, kind: bytes = tarfile.REGTYPE, target: str = "") -> tarfile.TarInfo:
    made = tarfile.TarInfo(name)
    made.type, made.linkname = kind, target
    return made


@pytest.mark.parametrize("name", ["../evil", "/etc/evil", "a/../../evil", "C:\\evil", "..\\evil"])
def test_a_name_that_leads_out_of_the_folder_is_refused(tmp_path: Path, name: str, suffix: str) -> None:
    archive = tmp_path / f"bad{suffix}"
    if suffix == ".zip":
        with zipfile.ZipFile(archive, "w") as opened:
            opened.writestr(zipfile.ZipInfo(name), b"x")
    else:
        tar_with(archive, entry(name))
    with pytest.raises(UnsafeArchiveError, match="leads out of the folder"):
        unpack_archive(archive, tmp_path / "out")
    assert list((tmp_path / "out").iterdir()) == []


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.FIFOTYPE, tarfile.DIRTYPE])
def test_a_link_a_device_and_a_folder_are_refused(tmp_path: Path, kind: bytes) -> None:
    archive = tar_with(tmp_path / "bad.tar.gz", entry("good"), entry("bad", kind, "good"))
    with pytest.raises(UnsafeArchiveError, match="'bad' is not a plain file"):
        unpack_archive(archive, tmp_path / "out")
    assert list((tmp_path / "out").iterdir()) == []


def test_a_symbolic_link_in_a_zip_is_refused(tmp_path: Path) -> None:
    link = zipfile.ZipInfo("link")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    with zipfile.ZipFile(tmp_path / "bad.zip", "w") as opened:
        opened.writestr(link, "/etc/passwd")
    with pytest.raises(UnsafeArchiveError, match="'link' is not a plain file"):
        unpack_archive(tmp_path / "bad.zip", tmp_path / "out")


def test_a_name_that_stands_there_twice_is_refused(tmp_path: Path) -> None:
    archive = tar_with(tmp_path / "bad.tar.gz", entry("one"), entry("one"))
    with pytest.raises(UnsafeArchiveError, match="stands in the archive twice"):
        unpack_archive(archive, tmp_path / "out")


@pytest.mark.parametrize("content", [b"", b"not an archive", b"\x1f\x8b\x08\x00broken"])
def test_a_damaged_file_is_one_clear_error(tmp_path: Path, content: bytes, suffix: str) -> None:
    archive = tmp_path / f"bad{suffix}"
    archive.write_bytes(content)
    with pytest.raises(UnsafeArchiveError, match="cannot be read"):
        unpack_archive(archive, tmp_path / "out")


def test_what_tar_refuses_for_its_end_is_refused(tmp_path: Path) -> None:
    archive = tmp_path / "app.tar.gz"
    write_archive(archive, make_members(tmp_path / "in"), MODIFIED)
    archive.write_bytes(archive.read_bytes() + b"junk" * 1000)
    with pytest.raises(UnsafeArchiveError, match="cannot be read: Not a gzipped file"):
        unpack_archive(archive, tmp_path / "out")
    assert list((tmp_path / "out").iterdir()) == []


def test_a_cut_off_download_is_refused(tmp_path: Path, suffix: str) -> None:
    archive = tmp_path / f"app{suffix}"
    write_archive(archive, make_members(tmp_path / "in"), MODIFIED)
    archive.write_bytes(archive.read_bytes()[:-40])
    with pytest.raises(UnsafeArchiveError, match="cannot be read"):
        unpack_archive(archive, tmp_path / "out")


def packed(folder: Path, suffix: str, *names: str) -> Path:
    """An archive with an empty file of each name, whatever the name."""
    archive = folder / f"bad{suffix}"
    if suffix == ".zip":
        with zipfile.ZipFile(archive, "w") as opened:
            for name in names:
                opened.writestr(zipfile.ZipInfo(name), b"")
        return archive
    return tar_with(archive, *map(entry, names))


@pytest.mark.parametrize(
    ("names", "why"),
    [
        (["folder/program"], "is not at the root"),
        (["."], "is not at the root"),
        (["program:stream"], "leads out of the folder"),
        (["\x1b[2Jall good"], "has a name that is no text"),
        (["n" * 300], "too long"),
        (["LICENSE", "license"], "stands in the archive twice"),
        ([f"file{number}" for number in range(200)], "is one of more than 100"),
    ],
)
def test_a_name_that_no_archive_of_ours_has_is_refused(tmp_path: Path, suffix: str, names: list[str], why: str) -> None:
    with pytest.raises(UnsafeArchiveError, match=why) as caught:
        unpack_archive(packed(tmp_path, suffix, *names), tmp_path / "out")
    assert str(caught.value).replace("\n", "").isprintable()
    assert list((tmp_path / "out").iterdir()) == []


def test_a_name_that_is_no_text_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UnsafeArchiveError, match="has a name that is no text"):
        unpack_archive(packed(tmp_path, ".tar.gz", "program\udcff"), tmp_path / "out")


@pytest.mark.parametrize(
    "headers",
    [
        {"path": "pro\0gram"},
        {"size": "99999999999999999999"},
        {"size": "-512"},
        {"GNU.sparse.major": "1", "GNU.sparse.minor": "0", "GNU.sparse.realsize": str(2**40)},
    ],
    ids=["name with a zero byte", "size beyond all numbers", "negative size", "a file of holes"],
)
def test_extended_headers_that_lie_are_refused(tmp_path: Path, headers: dict[str, str]) -> None:
    lying = entry("program")
    lying.pax_headers = headers
    with pytest.raises(UnsafeArchiveError):
        unpack_archive(tar_with(tmp_path / "bad.tar.gz", lying, entry("LICENSE")), tmp_path / "out")
    assert list((tmp_path / "out").iterdir()) == []


@pytest.mark.parametrize("time", ["1e400", "nan", "-99999999999999"])
def test_the_time_of_a_member_matters_to_nobody(tmp_path: Path, time: str) -> None:
    odd = entry("program")
    odd.pax_headers = {"mtime": time}
    assert unpack_archive(tar_with(tmp_path / "odd.tar.gz", odd), tmp_path / "out") == ("program",)


def test_a_header_that_claims_more_than_a_header_can_need_is_refused(tmp_path: Path) -> None:
    header = entry("pax", tarfile.XHDTYPE)
    header.size = 1024**3
    (tmp_path / "bad.tar.gz").write_bytes(gzip.compress(header.tobuf(tarfile.USTAR_FORMAT) + b"1" * 4096))
    with pytest.raises(UnsafeArchiveError, match="a header claims 1073741824 bytes"):
        unpack_archive(tmp_path / "bad.tar.gz", tmp_path / "out")


def test_a_small_file_that_would_fill_the_disk_is_refused_before_a_byte_is_written(tmp_path: Path) -> None:
    size = 512 * 1024 * 1024
    in_tar = entry("program")
    in_tar.size = size
    (tmp_path / "bad.tar.gz").write_bytes(gzip.compress(in_tar.tobuf(tarfile.USTAR_FORMAT)))
    in_zip = packed(tmp_path, ".zip", "program")
    # The size that the central directory states, of a member that is empty.
    content = bytearray(in_zip.read_bytes())
    position = content.index(b"PK\x01\x02") + 24
    content[position : position + 4] = size.to_bytes(4, "little")
    in_zip.write_bytes(content)
    for archive in (tmp_path / "bad.tar.gz", in_zip):
        with pytest.raises(UnsafeArchiveError, match="out of all proportion"):
            unpack_archive(archive, tmp_path / "out")


@pytest.mark.parametrize(("flag", "method"), [(1, 0), (0, 97)], ids=["a password", "a method nobody knows"])
def test_a_zip_that_the_reader_cannot_read_is_one_clear_error(tmp_path: Path, flag: int, method: int) -> None:
    archive = packed(tmp_path, ".zip", "program")
    content = bytearray(archive.read_bytes())
    for start, place in ((0, 6), (content.index(b"PK\x01\x02"), 8)):
        content[start + place] |= flag
        content[start + place + 2] = method
    archive.write_bytes(content)
    with pytest.raises(UnsafeArchiveError, match="cannot be read"):
        unpack_archive(archive, tmp_path / "out")


def test_a_member_that_is_damaged_leaves_nothing_of_the_ones_before_it(tmp_path: Path) -> None:
    archive = tmp_path / "app.zip"
    write_archive(archive, make_members(tmp_path / "in"), MODIFIED)
    content = bytearray(archive.read_bytes())
    # The checksum of the second member.
    content[content.rindex(b"PK\x01\x02") + 16] ^= 0xFF
    archive.write_bytes(content)
    with pytest.raises(UnsafeArchiveError, match="Bad CRC"):
        unpack_archive(archive, tmp_path / "out")
    assert list((tmp_path / "out").iterdir()) == []


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such bits")
@pytest.mark.parametrize(("packed_mode", "mode"), [(0o6777, 0o755), (0, 0o600)])
def test_dangerous_permissions_are_not_unpacked(tmp_path: Path, suffix: str, packed_mode: int, mode: int) -> None:
    source = make_members(tmp_path / "in")[0]
    archive = tmp_path / f"app{suffix}"
    write_archive(archive, [Member(name="program", path=source.path, mode=packed_mode)], MODIFIED)
    unpack_archive(archive, tmp_path / "out")
    assert stat.S_IMODE((tmp_path / "out" / "program").stat().st_mode) == mode


def test_a_full_disk_is_not_the_archives_fault(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    archive = tmp_path / "app.zip"
    write_archive(archive, make_members(tmp_path / "in"), MODIFIED)

    def fill(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(shutil, "copyfileobj", fill)
    with pytest.raises(OSError, match="No space left"):
        unpack_archive(archive, tmp_path / "out")
