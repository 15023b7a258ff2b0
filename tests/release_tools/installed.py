"""Environments for tests: distributions as an installer leaves them, and locks that want them."""

import base64
import hashlib
from collections.abc import Iterable, Mapping
from importlib.metadata import Distribution, PathDistribution, distributions
from pathlib import Path

from release_tools.distributions import InstalledDistribution, InstalledEnvironment, read_environment
from release_tools.lockfile import LockedPackage, LockFile, normalized_name

PROJECT = "tiny-app"


def install(
    site: Path,
    name: str,
    files: Mapping[str, str] | Iterable[str],
    *,
    version: str = "1.0",
    metadata: Mapping[str, str] | None = None,
) -> InstalledDistribution:
    """Install a distribution in `site`.

    Files given with their text are written; those given by path alone are only recorded. `metadata` has further files
    of the metadata folder and their text.
    """
    folder = f"{name.replace('-', '_')}-{version}.dist-info"
    texts = dict(files) if isinstance(files, Mapping) else {}
    written = {f"{folder}/METADATA": f"Name: {name}\nVersion: {version}\n"}
    written |= {f"{folder}/{path}": text for path, text in (metadata or {}).items()}
    for path, text in {**texts, **written}.items():
        (site / path).parent.mkdir(parents=True, exist_ok=True)
        (site / path).write_text(text, encoding="utf-8")
    record = [f"{path},{_digest(texts[path])},{len(texts[path])}" if path in texts else f"{path},," for path in files]
    record += [f"{path},," for path in (*written, f"{folder}/RECORD")]
    (site / folder / "RECORD").write_text("\n".join(record), encoding="utf-8")
    return InstalledDistribution(found=PathDistribution(site / folder))


def _digest(text: str) -> str:
    digest = base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b"=")
    return f"sha256={digest.decode()}"


def lock_of(packages: Mapping[str, str], **groups: set[str]) -> LockFile:
    """A lock of these versions by name, in the group `main` unless `groups` says otherwise (`_` for `-`)."""
    names = {name: groups.get(name.replace("-", "_"), {"main"}) for name in packages}
    return LockFile(
        path=Path("poetry.lock"),
        content_hash="",
        packages=tuple(
            LockedPackage(
                name=name,
                version=packages[name],
                groups=frozenset(wanted),
                markers=tuple((group, "") for group in sorted(wanted)),
                hashes=(),
                file_names=(f"{name.replace('-', '_')}-{packages[name]}-py3-none-any.whl",),
            )
            for name, wanted in names.items()
        ),
    )


NO_LOCK = lock_of({})


def environment_of(
    *installed: InstalledDistribution, tools: Iterable[InstalledDistribution] = ()
) -> InstalledEnvironment:
    """An environment of these, locked for the app except for the project, and these tools."""
    versions = {normalized_name(one.name): one.version for one in installed if one.name != PROJECT}
    app, found = [one.found for one in installed], [one.found for one in tools]
    return read_environment(PROJECT, lock_of(versions), NO_LOCK, app, found)


def running_environment(
    lock: LockFile = NO_LOCK, *, project: str = PROJECT, site: Path | None = None
) -> InstalledEnvironment:
    """What the tests run in as the app's environment, with what is installed in `site`; no tools."""
    app = [*(_found_in(site) if site else ()), *distributions()]
    return read_environment(project, lock, NO_LOCK, app, [])


def versions_in(site: Path) -> dict[str, str]:
    """The versions of everything in `running_environment` except the project, by canonical name."""
    versions = {normalized_name(found.name): found.version for found in (*_found_in(site), *distributions())}
    return {name: version for name, version in versions.items() if name != PROJECT}


def _found_in(site: Path) -> list[Distribution]:
    return list(distributions(path=[str(site)]))
