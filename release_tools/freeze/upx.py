"""Packs native files with UPX, for apps whose settings ask for it. `freeze.spec` installs this."""

import json
import os
import re
import shutil
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from release_tools.binaries.stripping import has_checksum_beside
from release_tools.platforms import UPX
from release_tools.processes.run import observe

# PyInstaller's own options on Windows. ELF libraries that are packed with LZMA crash when they're loaded (UPX 4.2).
_OPTIONS: Final = ("--lzma", "-q") if os.name == "nt" else ("-9", "--no-lzma", "-q")
_TIMEOUT_SECONDS: Final = 1800.0
# A message ends in the exception's name, which says it all, or a reason.
_REASON: Final = re.compile(r"(\w*Exception)(?:: (.+))?")
_SHOWN_REASONS: Final = 3


@dataclass(frozen=True, kw_only=True)
class PackedFile:
    """A native file with its bytes before and after; if UPX can't pack it, with the `reason` and the same bytes."""

    name: str
    before: int
    after: int
    reason: str = ""


def install(folder: Path, report: Path) -> None:
    """Pack each native file as it's bundled, and write to `report` what came of it."""
    from PyInstaller.building import api  # noqa: PLC0415 - in PyInstaller's process only

    original = api.process_collected_binary
    packed: dict[str, PackedFile] = {}

    # Any: PyInstaller's parameters, passed on as they are.
    def process(src_name: str, dest_name: str, **options: Any) -> str:
        source, target = Path(original(src_name, dest_name, **options)), folder / dest_name
        # The probe twin has the same files.
        if dest_name not in packed:
            packed[dest_name] = pack(source, target)
            rows = [asdict(file) for file in packed.values()]
            report.write_text(json.dumps(rows), encoding="utf-8")
        return str(source if packed[dest_name].reason else target)

    api.process_collected_binary = process


def pack(source: Path, target: Path) -> PackedFile:
    """Write a packed copy to `target`, unless UPX refuses or it would break the file."""
    before = source.stat().st_size
    reason = _known_to_break(source)
    if not reason:
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, target)
        # UPX refuses libraries that aren't executable.
        target.chmod(0o755)
        command = [UPX, *_OPTIONS, str(target)]
        finished = observe(command, cwd=target.parent, environment=os.environ, timeout_seconds=_TIMEOUT_SECONDS)
        found = _REASON.findall(finished.output)
        reason = (
            ((found[-1][1] or found[-1][0]).strip() if found else f"exit code {finished.code}") if finished.code else ""
        )
    after = before if reason else target.stat().st_size
    return PackedFile(name=target.name, before=before, after=after, reason=reason)


def _known_to_break(source: Path) -> str:
    """Why a file mustn't be packed, by PyInstaller's own rules; "" if it may be."""
    from PyInstaller.utils import misc  # noqa: PLC0415 - in PyInstaller's process only

    if os.name == "nt":
        from PyInstaller.utils.win32 import versioninfo  # noqa: PLC0415 - on Windows only

        if versioninfo.pefile_check_control_flow_guard(str(source)):
            return "it has control flow guard"
    if misc.is_file_qt_plugin(str(source)):
        return "it's a Qt plugin, whose metadata UPX drops"
    if has_checksum_beside(source):
        return "its checksum is beside it"
    return ""


def describe(report: Path) -> str:
    """What UPX saved, in a line, from the report of `install`."""
    rows = json.loads(report.read_text(encoding="utf-8")) if report.is_file() else []
    files = [PackedFile(**row) for row in rows]
    packed = [file for file in files if not file.reason]
    before, after = sum(file.before for file in packed), sum(file.after for file in packed)
    saved = f"UPX packed {len(packed)} of {len(files)} native files, {before:,} to {after:,} bytes"
    return f"{saved} ({before - after:,} saved){_left_out(files)}"


def _left_out(files: Sequence[PackedFile]) -> str:
    left = [f"{file.name} ({file.reason})" for file in files if file.reason]
    more = [f"{len(left) - _SHOWN_REASONS} more"] if len(left) > _SHOWN_REASONS else []
    return f"; not packed: {', '.join([*left[:_SHOWN_REASONS], *more])}" if left else ""
