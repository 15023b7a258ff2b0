import io
import os
import stat
import subprocess
import tarfile
import zipfile
from pathlib import Path

import pytest

from release_tools.archives import (
    Member,
    checksum_path,
    differing_members,
    member_modes,
    place_archive,
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


def test_a_cut_off_download_is_refused(tmp_path: Path, suffix: str) -> None:
    archive = tmp_path / f"app{suffix}"
    write_archive(archive, make_members(tmp_path / "in"), MODIFIED)
    archive.write_bytes(archive.read_bytes()[:-40])
    with pytest.raises(UnsafeArchiveError, match="cannot be read"):
        unpack_archive(archive, tmp_path / "out")


def test_a_placed_archive_replaces_the_last_one_together_with_its_checksum(tmp_path: Path) -> None:
    dist = tmp_path / "dist"
    for content in (b"old", b"new"):
        staged = tmp_path / "tiny-dev-linux-amd64.tar.gz"
        staged.write_bytes(content)
        write_checksum(staged)
        placed = place_archive(staged, dist)
    assert placed.read_bytes() == b"new"
    assert checksum_path(placed).read_text(encoding="ascii").startswith(sha256_of(placed))
    assert len(list(dist.iterdir())) == 2


def test_a_move_that_breaks_leaves_no_checksum_beside_another_archive(tmp_path: Path) -> None:
    dist = tmp_path / "dist"
    staged = tmp_path / "tiny-dev-linux-amd64.tar.gz"
    staged.write_bytes(b"old")
    write_checksum(staged)
    placed = place_archive(staged, dist)
    with pytest.raises(FileNotFoundError):
        place_archive(staged, dist)
    assert placed.read_bytes() == b"old"
    assert not checksum_path(placed).exists()
