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
    FASTEST_LEVEL,
    Member,
    differing_members,
    member_modes,
    place_archive,
    sha256_of,
    unpack_archive,
    write_archive,
    write_checksum,
)
from release_tools.errors import UnsafeArchiveError
from release_tools.settings import ReleaseSettings

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


def test_archive_ignores_times_modes_and_order_of_files(tmp_path: Path, suffix: str) -> None:
    members = make_members(tmp_path / "one")
    first, second = tmp_path / f"first{suffix}", tmp_path / f"second{suffix}"
    write_archive(first, members, MODIFIED)
    again = make_members(tmp_path / "two")
    os.utime(again[0].path, (1, 1))
    again[0].path.chmod(0o600)
    write_archive(second, again[::-1], MODIFIED)
    assert sha256_of(first) == sha256_of(second)
    assert differing_members(first, second) == []


def test_lower_level_packs_the_same_members_into_more_bytes(tmp_path: Path, suffix: str) -> None:
    member = Member(name="program", path=Path(__file__), mode=0o755)
    smallest, fastest = tmp_path / f"smallest{suffix}", tmp_path / f"fastest{suffix}"
    write_archive(smallest, [member], MODIFIED)
    write_archive(fastest, [member], MODIFIED, level=FASTEST_LEVEL)
    assert smallest.stat().st_size < fastest.stat().st_size
    # None of the members.
    assert differing_members(smallest, fastest) == [smallest.name]


def test_members_keep_content_and_mode(tmp_path: Path, suffix: str) -> None:
    archive = tmp_path / f"app{suffix}"
    write_archive(archive, make_members(tmp_path / "in"), MODIFIED)
    names = unpack_archive(archive, tmp_path / "out")
    assert names == ("LICENSE", "program")
    assert (tmp_path / "out" / "program").read_bytes() == b"\x7fELF" * 1000
    assert member_modes(archive) == {"program": 0o755, "LICENSE": 0o644}
    if os.name == "posix":
        assert stat.S_IMODE((tmp_path / "out" / "program").stat().st_mode) == 0o755


def test_unpacking_empties_the_folder_first(tmp_path: Path, suffix: str) -> None:
    archive = tmp_path / f"app{suffix}"
    write_archive(archive, make_members(tmp_path / "in"), MODIFIED)
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "left over").write_text("", encoding="utf-8")
    unpack_archive(archive, tmp_path / "out")
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["LICENSE", "program"]


def test_zip_clamps_times_before_1980(tmp_path: Path) -> None:
    archive = tmp_path / "app.zip"
    write_archive(archive, make_members(tmp_path / "in"), 0)
    with zipfile.ZipFile(archive) as opened:
        assert opened.infolist()[0].date_time[0] == 1980


def test_differing_members_are_named(tmp_path: Path, suffix: str) -> None:
    members = make_members(tmp_path / "in")
    first, second = tmp_path / f"first{suffix}", tmp_path / f"second{suffix}"
    write_archive(first, members, MODIFIED)
    members[1].path.write_text("changed\n", encoding="utf-8")
    write_archive(second, members, MODIFIED)
    assert differing_members(first, second) == ["LICENSE"]


@pytest.mark.programs
def test_checksum_is_accepted_by_sha256sum(tmp_path: Path) -> None:
    archive = tmp_path / "app.tar.gz"
    write_archive(archive, make_members(tmp_path / "in"), MODIFIED)
    checksum = write_checksum(archive)
    assert checksum.name == "app.tar.gz.sha256"
    assert b"\r" not in checksum.read_bytes()
    checked = subprocess.run(
        ["sha256sum", "-c", checksum.name], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert checked.stdout == "app.tar.gz: OK\n"


# What the error names for a file that can't be read at all.
WHOLE_FILE = "(the whole file)"


def refused_member(archive: Path) -> str:
    """The member that the error of unpacking names."""
    with pytest.raises(UnsafeArchiveError) as caught:
        unpack_archive(archive, archive.parent / "out")
    assert caught.value.archive == archive
    return caught.value.member


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
def test_name_outside_the_folder_is_refused(tmp_path: Path, name: str, suffix: str) -> None:
    archive = tmp_path / f"bad{suffix}"
    if suffix == ".zip":
        with zipfile.ZipFile(archive, "w") as opened:
            opened.writestr(zipfile.ZipInfo(name), b"x")
    else:
        tar_with(archive, entry(name))
    assert refused_member(archive) == name
    assert list((tmp_path / "out").iterdir()) == []


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.FIFOTYPE, tarfile.DIRTYPE])
def test_links_devices_and_folders_are_refused(tmp_path: Path, kind: bytes) -> None:
    archive = tar_with(tmp_path / "bad.tar.gz", entry("good"), entry("bad", kind, "good"))
    assert refused_member(archive) == "bad"
    assert list((tmp_path / "out").iterdir()) == []


def test_symbolic_link_in_a_zip_is_refused(tmp_path: Path) -> None:
    link = zipfile.ZipInfo("link")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    with zipfile.ZipFile(tmp_path / "bad.zip", "w") as opened:
        opened.writestr(link, "/etc/passwd")
    assert refused_member(tmp_path / "bad.zip") == "link"


def test_duplicate_name_is_refused(tmp_path: Path) -> None:
    archive = tar_with(tmp_path / "bad.tar.gz", entry("one"), entry("one"))
    assert refused_member(archive) == "one"


@pytest.mark.parametrize("content", [b"", b"not an archive", b"\x1f\x8b\x08\x00broken"])
def test_damaged_file_is_refused(tmp_path: Path, content: bytes, suffix: str) -> None:
    archive = tmp_path / f"bad{suffix}"
    archive.write_bytes(content)
    assert refused_member(archive) == WHOLE_FILE


def test_data_after_the_tar_is_refused(tmp_path: Path) -> None:
    archive = tmp_path / "app.tar.gz"
    write_archive(archive, make_members(tmp_path / "in"), MODIFIED)
    archive.write_bytes(archive.read_bytes() + b"junk" * 1000)
    assert refused_member(archive) == WHOLE_FILE
    assert list((tmp_path / "out").iterdir()) == []


def test_truncated_download_is_refused(tmp_path: Path, suffix: str) -> None:
    archive = tmp_path / f"app{suffix}"
    write_archive(archive, make_members(tmp_path / "in"), MODIFIED)
    archive.write_bytes(archive.read_bytes()[:-40])
    assert refused_member(archive) == WHOLE_FILE


def packed(folder: Path, suffix: str, *names: str) -> Path:
    """An archive with an empty file for each name."""
    archive = folder / f"bad{suffix}"
    if suffix == ".zip":
        with zipfile.ZipFile(archive, "w") as opened:
            for name in names:
                opened.writestr(zipfile.ZipInfo(name), b"")
        return archive
    return tar_with(archive, *map(entry, names))


@pytest.mark.parametrize(
    ("names", "refused"),
    [
        (["folder/program"], "folder/program"),
        (["."], "."),
        (["program:stream"], "program:stream"),
        (["\x1b[2Jall good"], "\x1b[2Jall good"),
        (["n" * 300], "n" * 255),
        (["LICENSE", "license"], "LICENSE"),
        ([f"file{number}" for number in range(200)], "file"),
    ],
)
def test_unusual_names_and_numbers_are_refused(tmp_path: Path, suffix: str, names: list[str], refused: str) -> None:
    assert refused_member(packed(tmp_path, suffix, *names)).startswith(refused)
    assert list((tmp_path / "out").iterdir()) == []


def test_undecodable_name_is_refused(tmp_path: Path) -> None:
    assert refused_member(packed(tmp_path, ".tar.gz", "program\udcff")) == "program\udcff"


@pytest.mark.parametrize(
    "headers",
    [
        {"path": "pro\0gram"},
        {"size": "99999999999999999999"},
        {"size": "-512"},
        {"GNU.sparse.major": "1", "GNU.sparse.minor": "0", "GNU.sparse.realsize": str(2**40)},
    ],
    ids=["NUL in the name", "huge size", "negative size", "sparse file"],
)
def test_false_pax_headers_are_refused(tmp_path: Path, headers: dict[str, str]) -> None:
    lying = entry("program")
    lying.pax_headers = headers
    with pytest.raises(UnsafeArchiveError):
        unpack_archive(tar_with(tmp_path / "bad.tar.gz", lying, entry("LICENSE")), tmp_path / "out")
    assert list((tmp_path / "out").iterdir()) == []


@pytest.mark.parametrize("time", ["1e400", "nan", "-99999999999999"])
def test_time_of_a_member_is_ignored(tmp_path: Path, time: str) -> None:
    odd = entry("program")
    odd.pax_headers = {"mtime": time}
    assert unpack_archive(tar_with(tmp_path / "odd.tar.gz", odd), tmp_path / "out") == ("program",)


def test_oversized_header_is_refused(tmp_path: Path) -> None:
    header = entry("pax", tarfile.XHDTYPE)
    header.size = 1024**3
    (tmp_path / "bad.tar.gz").write_bytes(gzip.compress(header.tobuf(tarfile.USTAR_FORMAT) + b"1" * 4096))
    with pytest.raises(UnsafeArchiveError) as caught:
        unpack_archive(tmp_path / "bad.tar.gz", tmp_path / "out")
    assert str(header.size) in caught.value.reason


def test_zip_bomb_is_refused_before_a_byte_is_written(tmp_path: Path) -> None:
    size = 512 * 1024 * 1024
    in_tar = entry("program")
    in_tar.size = size
    (tmp_path / "bad.tar.gz").write_bytes(gzip.compress(in_tar.tobuf(tarfile.USTAR_FORMAT)))
    in_zip = packed(tmp_path, ".zip", "program")
    # The size of the empty member in the central directory.
    content = bytearray(in_zip.read_bytes())
    position = content.index(b"PK\x01\x02") + 24
    content[position : position + 4] = size.to_bytes(4, "little")
    in_zip.write_bytes(content)
    for archive in (tmp_path / "bad.tar.gz", in_zip):
        assert refused_member(archive) in {WHOLE_FILE, "(all members)"}
        assert list((tmp_path / "out").iterdir()) == []


@pytest.mark.parametrize(("flag", "method"), [(1, 0), (0, 97)], ids=["password", "unknown method"])
def test_unsupported_zip_is_refused(tmp_path: Path, flag: int, method: int) -> None:
    archive = packed(tmp_path, ".zip", "program")
    content = bytearray(archive.read_bytes())
    for start, place in ((0, 6), (content.index(b"PK\x01\x02"), 8)):
        content[start + place] |= flag
        content[start + place + 2] = method
    archive.write_bytes(content)
    assert refused_member(archive) == WHOLE_FILE


def test_damaged_member_leaves_no_earlier_ones(tmp_path: Path) -> None:
    archive = tmp_path / "app.zip"
    write_archive(archive, make_members(tmp_path / "in"), MODIFIED)
    content = bytearray(archive.read_bytes())
    # The checksum of the second member.
    content[content.rindex(b"PK\x01\x02") + 16] ^= 0xFF
    archive.write_bytes(content)
    assert refused_member(archive) == WHOLE_FILE
    assert list((tmp_path / "out").iterdir()) == []


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such mode bits")
@pytest.mark.parametrize(("packed_mode", "mode"), [(0o6777, 0o755), (0, 0o600)])
def test_dangerous_modes_are_removed(tmp_path: Path, suffix: str, packed_mode: int, mode: int) -> None:
    source = make_members(tmp_path / "in")[0]
    archive = tmp_path / f"app{suffix}"
    write_archive(archive, [Member(name="program", path=source.path, mode=packed_mode)], MODIFIED)
    unpack_archive(archive, tmp_path / "out")
    assert stat.S_IMODE((tmp_path / "out" / "program").stat().st_mode) == mode


def test_full_disk_is_an_os_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    archive = tmp_path / "app.zip"
    write_archive(archive, make_members(tmp_path / "in"), MODIFIED)

    def fill(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(shutil, "copyfileobj", fill)
    with pytest.raises(OSError) as caught:  # noqa: PT011 - its number is asserted
        unpack_archive(archive, tmp_path / "out")
    assert caught.value.errno == errno.ENOSPC


NAME = "tiny-v1.2.3-linux-amd64.tar.gz"


def make_archive(settings: ReleaseSettings, content: str) -> Path:
    staged = settings.root / "build" / NAME
    staged.parent.mkdir(exist_ok=True)
    staged.write_text(content, encoding="ascii")
    write_checksum(staged)
    return staged


def contents(folder: Path) -> dict[str, str]:
    return {path.name: path.read_text(encoding="ascii") for path in folder.iterdir()}


def test_archive_replaces_the_old_one_with_its_checksum(settings: ReleaseSettings) -> None:
    place_archive(make_archive(settings, "old"), settings.dist_folder)
    old = contents(settings.dist_folder)
    placed = place_archive(make_archive(settings, "new"), settings.dist_folder)
    assert (placed, placed.read_text(encoding="ascii")) == (settings.dist_folder / NAME, "new")
    new = contents(settings.dist_folder)
    assert sorted(new) == sorted(old) == [NAME, f"{NAME}.sha256"]
    assert new[f"{NAME}.sha256"] != old[f"{NAME}.sha256"]


def test_full_disk_keeps_the_old_archive_and_checksum(
    settings: ReleaseSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    place_archive(make_archive(settings, "old"), settings.dist_folder)
    before = contents(settings.dist_folder)

    def fill(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(shutil, "copyfile", fill)
    staged = make_archive(settings, "new")
    with pytest.raises(OSError):  # noqa: PT011 - the files are asserted
        place_archive(staged, settings.dist_folder)
    assert contents(settings.dist_folder) == before


SHARED_MEMORY = Path("/dev/shm")  # noqa: S108 - the other file system of most Linux machines


@pytest.mark.skipif(not SHARED_MEMORY.is_dir(), reason="this machine has no second file system to use")
def test_output_folder_may_be_on_another_disk(settings: ReleaseSettings) -> None:
    elsewhere = SHARED_MEMORY / f"dist-{os.getpid()}"
    elsewhere.mkdir()
    try:
        settings.dist_folder.symlink_to(elsewhere)
        place_archive(make_archive(settings, "new"), settings.dist_folder)
        assert sorted(contents(elsewhere)) == [NAME, f"{NAME}.sha256"]
    finally:
        shutil.rmtree(elsewhere)
