"""Archives whose executable is a small Python script."""

import sys
from pathlib import Path

from release_tools.archives import Member, unpack_archive, write_archive
from release_tools.platforms import find_platform
from release_tools.settings import ReleaseSettings
from release_tools.verification.check import VerificationContext
from release_tools.versions import BuildVersion

VERSION = BuildVersion(label="v1.2.3", project_version="1.2.3", local_part="")
GOOD = "print('tiny 1.2.3')"


def make_context(
    settings: ReleaseSettings, code: str = GOOD, modes: tuple[int, int, int] = (0o755, 0o644, 0o644)
) -> VerificationContext:
    """The context of an unpacked Linux archive whose program has this code."""
    source = settings.root / "source"
    source.mkdir(exist_ok=True)
    members = []
    texts = (f"#!{sys.executable}\n{code}\n", "free", "free too")
    for name, text, mode in zip(("tiny", "LICENSE", "THIRD_PARTY_LICENSES"), texts, modes, strict=True):
        (source / name).write_text(text, encoding="utf-8")
        members.append(Member(name=name, path=source / name, mode=mode))
    packed = settings.root / "tiny.tar.gz"
    write_archive(packed, members, 0)
    scratch = settings.root / "verify"
    unpack_archive(packed, scratch / "unpacked")
    return VerificationContext(
        settings=settings,
        platform=find_platform("linux-amd64"),
        version=VERSION,
        archive=packed,
        folder=scratch / "unpacked",
        scratch=scratch,
        suite_python=Path(sys.executable),
    )
