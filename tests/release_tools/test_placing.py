"""How an archive gets into `dist/`: whole, with its checksum, or not at all."""

import errno
import os
import shutil
from pathlib import Path

import pytest

from release_tools.archives import place_archive, write_checksum
from release_tools.settings import ReleaseSettings

NAME = "tiny-v1.2.3-linux-amd64.tar.gz"


def make_archive(settings: ReleaseSettings, content: str) -> Path:
    staged = settings.root / "build" / NAME
    staged.parent.mkdir(exist_ok=True)
    staged.write_text(content, encoding="ascii")
    write_checksum(staged)
    return staged


def place(settings: ReleaseSettings, content: str) -> Path:
    staged = make_archive(settings, content)
    write_checksum(staged)
    return place_archive(staged, settings.dist_folder)


def contents(folder: Path) -> dict[str, str]:
    return {path.name: path.read_text(encoding="ascii") for path in folder.iterdir()}


def test_a_new_archive_takes_the_place_of_the_old_one_together_with_its_checksum(settings: ReleaseSettings) -> None:
    place_archive(make_archive(settings, "old"), settings.dist_folder)
    old = contents(settings.dist_folder)
    placed = place_archive(make_archive(settings, "new"), settings.dist_folder)
    assert (placed, placed.read_text(encoding="ascii")) == (settings.dist_folder / NAME, "new")
    new = contents(settings.dist_folder)
    assert sorted(new) == sorted(old) == [NAME, f"{NAME}.sha256"]
    assert new[f"{NAME}.sha256"] != old[f"{NAME}.sha256"]


def test_on_a_full_disk_the_last_good_archive_keeps_its_checksum(
    settings: ReleaseSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    place_archive(make_archive(settings, "old"), settings.dist_folder)
    before = contents(settings.dist_folder)

    def fill(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(shutil, "copyfile", fill)
    with pytest.raises(OSError, match="No space left"):
        place_archive(make_archive(settings, "new"), settings.dist_folder)
    assert contents(settings.dist_folder) == before


SHARED_MEMORY = Path("/dev/shm")  # noqa: S108 - the one other disk that most Linux machines have


@pytest.mark.skipif(not SHARED_MEMORY.is_dir(), reason="this machine has no second disk to try it on")
def test_the_output_folder_may_lie_on_another_disk(settings: ReleaseSettings) -> None:
    elsewhere = SHARED_MEMORY / f"dist-{os.getpid()}"
    elsewhere.mkdir()
    try:
        settings.dist_folder.symlink_to(elsewhere)
        place_archive(make_archive(settings, "new"), settings.dist_folder)
        assert sorted(contents(elsewhere)) == [NAME, f"{NAME}.sha256"]
    finally:
        shutil.rmtree(elsewhere)
