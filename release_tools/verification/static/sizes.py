"""The executable's size by distribution, and what changed since the last build."""

import json
import sys
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from release_tools.binaries.payload import MODULES, SCRIPT, UNPACKED, Payload
from release_tools.distributions import InstalledDistribution, InstalledEnvironment
from release_tools.verification.check import VerificationContext

PYTHON: Final = "Python"
BOOTSTRAP: Final = "PyInstaller"
SHARED_LIBRARIES: Final = "shared libraries"
OTHER_MODULES: Final = "other modules"

_SMALLEST_CHANGE: Final = 50_000
_SHOWN_DISTRIBUTIONS: Final = 6


@dataclass(frozen=True, kw_only=True)
class Owners:
    """The owning distribution of files and metadata folders, by path below site-packages, and of modules, by name."""

    files: Mapping[str, str]
    modules: Mapping[str, str]
    metadata: Mapping[str, str]

    def find(self, subject: str) -> str:
        """The distribution that has a module, by its name or that of something in it, or a file; "" if none has."""
        owner = self.files.get(subject) or self.metadata.get(subject.partition("/")[0])
        name = subject.partition(":")[0].removesuffix(".__all__")
        while not owner and name:
            owner = self.modules.get(name)
            name = name.rpartition(".")[0]
        return owner or ""

    def of_module(self, name: str) -> str:
        return self.modules.get(name) or (PYTHON if _is_of_python(name) else OTHER_MODULES)

    def of_file(self, path: str) -> str:
        """The distribution that owns a file, or else Python or the system."""
        top = path.partition("/")[0]
        owner = self.files.get(path) or self.metadata.get(top)
        if owner:
            return owner
        is_python = top.lower().startswith(("python", "libpython", "base_library")) or _is_of_python(top)
        return PYTHON if is_python else SHARED_LIBRARIES


def find_owners(installed: Iterable[InstalledDistribution]) -> Owners:
    """The owners of everything that these distributions' RECORD files list."""
    files: dict[str, str] = {}
    modules: dict[str, str] = {}
    metadata: dict[str, str] = {}
    for one in installed:
        metadata_path = next(filter(_is_metadata, (file.path for file in one.record)), None)
        if metadata_path is None:
            continue
        metadata[metadata_path.partition("/")[0]] = one.name
        files |= dict.fromkeys((file.path for file in one.files), one.name)
        modules |= dict.fromkeys(one.modules, one.name)
    return Owners(files=files, modules=modules, metadata=metadata)


def _is_metadata(path: str) -> bool:
    # Vendored packages have metadata further down.
    return path.endswith(".dist-info/METADATA") and path.count("/") == 1


def sizes_by_distribution(payload: Payload, executable_bytes: int, owners: Owners) -> dict[str, int]:
    """The bytes of each distribution in the executable, largest first. They add up to the executable's size."""
    sizes: Counter[str] = Counter()
    for name, size in payload.module_sizes.items():
        sizes[owners.of_module(name)] += size
    for member in payload.members:
        if member.kind in UNPACKED:
            sizes[owners.of_file(member.name)] += member.size
        elif member.kind not in {MODULES, SCRIPT}:
            sizes[BOOTSTRAP] += member.size
    # The bootloader, the scripts and the tables of contents.
    sizes[BOOTSTRAP] += executable_bytes - sizes.total()
    return dict(sorted(sizes.items(), key=lambda item: (-item[1], item[0])))


def measure_sizes(executable: Path, installed: InstalledEnvironment) -> dict[str, int]:
    """The bytes of each distribution in the executable, largest first.

    Raises `PayloadError`.
    """
    return sizes_by_distribution(Payload(executable), executable.stat().st_size, find_owners(installed.searched))


def check_sizes(context: VerificationContext) -> str:
    """Reports the largest distributions and what changed since the last build; sets no limit."""
    sizes = measure_sizes(context.executable, context.build.installed)
    largest = [f"{name} {size / 1_000_000:.1f} MB" for name, size in list(sizes.items())[:_SHOWN_DISTRIBUTIONS]]
    more = ["…"] if len(sizes) > _SHOWN_DISTRIBUTIONS else []
    # A quick build's sizes can't be compared with those of a full one.
    change = "" if context.is_quick else describe_change(sizes, recorded_sizes(context.build.previous_record))
    return ", ".join([*largest, *more]) + (f" ({change})" if change else "")


def recorded_sizes(record: Path | None) -> dict[str, int]:
    """The sizes in a build record; empty if there is no record, or none in it, or if that build was quick."""
    try:
        content = json.loads(record.read_text(encoding="utf-8")) if record else {}
    except (OSError, ValueError):
        return {}
    is_usable = isinstance(content, dict) and content.get("verdict") != "quick"
    sizes = content.get("sizes") if is_usable else None
    return {str(name): size for name, size in (sizes or {}).items() if isinstance(size, int)}


def describe_change(sizes: Mapping[str, int], before: Mapping[str, int]) -> str:
    """The change in total size and the distributions that changed most; empty without earlier sizes."""
    if not before:
        return ""
    changes = {name: sizes.get(name, 0) - before.get(name, 0) for name in {*sizes, *before}}
    notable = sorted(
        (name for name, change in changes.items() if abs(change) >= _SMALLEST_CHANGE),
        key=lambda name: (-abs(changes[name]), name),
    )
    named = ", ".join(f"{name} {_signed(changes[name])}" for name in notable[:3])
    return f"{_signed(sum(changes.values()))} since the last build{': ' if named else ''}{named}"


def _signed(size: int) -> str:
    return f"{size / 1_000_000:+.1f} MB"


def _is_of_python(name: str) -> bool:
    top = name.partition(".")[0]
    return top in sys.stdlib_module_names or top.startswith("_sysconfigdata")
