"""`invoke mirror`: uploads the files of a published release to the store, and then lists them in its manifests.

It can be killed at any time, and several may run at once: files are created and never overwritten, a manifest names
only files that were read back, and is changed by compare-and-swap. The same command continues.
"""

import tempfile
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Final

from release_tools.archives import sha256_of
from release_tools.errors import Problem
from release_tools.installers.scripts import InstallableRelease, PublishedArchive, installer_scripts
from release_tools.platforms import find_platform, host_platform
from release_tools.releasing.errors import MirrorError
from release_tools.releasing.github.releases import GitHubRepository
from release_tools.releasing.mirror.configuration import MirrorSettings
from release_tools.releasing.mirror.manifest import VERSIONS_NAME, Manifest, MirroredFile, MirroredVersion, channel_of
from release_tools.releasing.mirror.manifest_updates import (
    INSTALLER_TYPE,
    read_manifest,
    update_installers,
    update_latest,
    update_versions,
)
from release_tools.releasing.mirror.published_files import (
    PublishedFiles,
    compare_with_published,
    download_published,
    find_published,
)
from release_tools.releasing.mirror.store import ObjectStore, StoredFile
from release_tools.settings import ReleaseSettings

_CONTENT_TYPES: Final = {".gz": "application/gzip", ".zip": "application/zip"}
_NEVER_CHANGED: Final = "a mirrored version is never changed: bump the version and release that"


def mirror_tag(
    settings: ReleaseSettings,
    github: GitHubRepository,
    store: ObjectStore,
    tag: str,
    *,
    folder: Path | None,
    say: Callable[[str], None],
    is_dry_run: bool,
) -> None:
    """Mirror the published release of a tag: its files as GitHub has them, downloaded or found in `folder`.

    Raises `MirrorError` before anything is uploaded, and the errors of `mirror_files`.
    """
    release = find_published(settings.executable, github, tag)
    if folder is not None:
        published = compare_with_published(settings.executable, release, folder)
    else:
        work = settings.build_folder(host_platform().name) / "mirror" / tag
        published = download_published(settings.executable, github, release, work, say)
    say(f"all {len(published.files)} files have the sha256 that GitHub reports for {tag}")
    entry = mirrored_version(store.mirror, published)
    paths = {file.name: published.folder / file.name for file in entry.files}
    with tempfile.TemporaryDirectory() as scripts:
        paths |= write_installers(settings, store.mirror, entry, Path(scripts))
        entry = with_installers(store, entry, paths)
        if is_dry_run:
            for line in _plan_lines(store, entry):
                say(line)
            return
        latest = mirror_files(store, entry, paths, say)
    say(f"mirrored: {store.mirror.public_url(entry.version)}")
    say(f"latest: {latest.version if latest else 'none, as there is no stable version'}")


def mirrored_version(mirror: MirrorSettings, published: PublishedFiles) -> MirroredVersion:
    """The entry of a release in the manifests."""
    return MirroredVersion(
        version=published.version,
        date=published.date,
        channel=channel_of(published.version),
        yanked=False,
        yank_reason="",
        files=tuple(
            MirroredFile(
                name=file.name,
                kind="archive" if file.is_archive else "checksum",
                platform=file.platform.name,
                url=mirror.public_url(published.version, file.name),
                size=file.size_bytes,
                sha256=file.sha256,
            )
            for file in published.files
        ),
    )


def write_installers(
    settings: ReleaseSettings, mirror: MirrorSettings, entry: MirroredVersion, folder: Path
) -> dict[str, Path]:
    """Write the installers of a version into `folder`; returns their paths by name."""
    archives = [file for file in entry.files if file.kind == "archive" and file.platform]
    release = InstallableRelease(
        executable=mirror.name,
        version=entry.version,
        archives=[
            PublishedArchive(
                platform=find_platform(file.platform or ""),
                name=file.name,
                url=file.url,
                size_bytes=file.size,
                sha256=file.sha256,
            )
            for file in archives
        ],
        manifest_url=mirror.public_url(VERSIONS_NAME),
        installer_folder_url=mirror.url.rstrip("/"),
        glibc_floor=settings.glibc_floor,
        macos_minimum=settings.macos_minimum,
    )
    scripts = installer_scripts(release)
    for name, text in scripts.items():
        (folder / name).write_bytes(text.encode())
    return {name: folder / name for name in scripts}


def with_installers(store: ObjectStore, entry: MirroredVersion, paths: Mapping[str, Path]) -> MirroredVersion:
    """The version with those of these files that it lacks, as its installers.

    Newer release tools write other installers. The first ones that were uploaded for a version stay.
    """
    known = read_manifest(store)[0].find(entry.version)
    listed = {file.name: file for file in known.files} if known else {}
    names = [name for name in paths if name not in {file.name for file in entry.files}]
    installers = (listed.get(name) or _installer(store, entry.version, paths[name]) for name in names)
    return replace(entry, files=(*entry.files, *installers))


def _installer(store: ObjectStore, version: str, path: Path) -> MirroredFile:
    """An installer that isn't listed yet; an earlier run may have uploaded it."""
    stored = store.file(version, path.name)
    # No installer is empty: such an answer is damaged.
    if stored is None or not stored.size:
        stored = StoredFile(size=path.stat().st_size, sha256=sha256_of(path))
    url = store.mirror.public_url(version, path.name)
    return MirroredFile(
        name=path.name, kind="installer", platform=None, url=url, size=stored.size, sha256=stored.sha256
    )


def mirror_files(
    store: ObjectStore, entry: MirroredVersion, paths: Mapping[str, Path], say: Callable[[str], None]
) -> MirroredVersion | None:
    """Upload the files of a version, whose `paths` are given by name, list them, and return the latest version.

    The files are added to those that the mirror has of the version, so installers and packages can follow later.

    Raises `MirrorError` if the version has other bytes there, `UnconditionalStoreError`, `ManifestError`,
    `MirrorIncompleteError` and the errors of the store. After any of them, calling it again continues.
    """
    store.require_conditional_writes()
    _refuse(entry, _listed_differently(read_manifest(store)[0], entry))
    missing, differing = _compare(store, entry)
    _refuse(entry, differing)
    for file in missing:
        say(f"upload {entry.version}/{file.name} ({file.size} bytes)")
        path = paths[file.name]
        content_type = _CONTENT_TYPES.get(path.suffix, INSTALLER_TYPE)
        store.create(path, entry.version, file.name, sha256=file.sha256, content_type=content_type)
    if missing:
        # Read back, also where another publisher was faster.
        missing, differing = _compare(store, entry)
        hint = "run the same command again to resume"
        _refuse(
            entry, [*differing, *(Problem(what=f"the store doesn't show {file.name}", hint=hint) for file in missing)]
        )

    def add(manifest: Manifest) -> Manifest:
        _refuse(entry, _listed_differently(manifest, entry))
        known = manifest.find(entry.version)
        return manifest.with_version(_merged(known, entry) if known else entry)

    manifest = update_versions(store, add)
    say(f"{VERSIONS_NAME} lists {entry.version}")
    latest = update_latest(store, manifest)
    update_installers(store, latest)
    return latest.latest


def _compare(store: ObjectStore, entry: MirroredVersion) -> tuple[list[MirroredFile], list[Problem]]:
    """The files of a version that the store lacks, and those that it has with other bytes."""
    missing, differing = [], []
    for file in entry.files:
        stored = store.file(entry.version, file.name)
        if stored is None:
            missing.append(file)
        elif (stored.size, stored.sha256) != (file.size, file.sha256):
            what = f"the store has {entry.version}/{file.name} with {stored.size} bytes and sha256 {stored.sha256}"
            differing.append(Problem(what=what, hint=_NEVER_CHANGED))
    return missing, differing


def _listed_differently(manifest: Manifest, entry: MirroredVersion) -> list[Problem]:
    """The files of a version that the manifest lists with other bytes."""
    known = manifest.find(entry.version)
    listed = {file.name: file for file in known.files} if known else {}
    return [
        Problem(
            what=f"{VERSIONS_NAME} has {entry.version}/{file.name} with sha256 {listed[file.name].sha256}",
            hint=_NEVER_CHANGED,
        )
        for file in entry.files
        if file.name in listed and (listed[file.name].size, listed[file.name].sha256) != (file.size, file.sha256)
    ]


def _merged(known: MirroredVersion, entry: MirroredVersion) -> MirroredVersion:
    """The known version with the files that it lacks. The others have the same bytes, perhaps at a new URL."""
    files = {file.name: file for file in (*known.files, *entry.files)}
    return replace(known, files=tuple(files.values()))


def _refuse(entry: MirroredVersion, problems: list[Problem]) -> None:
    if problems:
        raise MirrorError(entry.version, "mirror", problems)


def _plan_lines(store: ObjectStore, entry: MirroredVersion) -> list[str]:
    manifest, _ = read_manifest(store)
    missing, differing = _compare(store, entry)
    _refuse(entry, [*_listed_differently(manifest, entry), *differing])
    steps = [f"upload {entry.version}/{file.name} ({file.size} bytes)" for file in missing]
    known = manifest.find(entry.version)
    merged = _merged(known, entry) if known else entry
    steps += [] if merged == known else [f"list {entry.version} in {VERSIONS_NAME}"]
    before, after = manifest.newest("stable"), manifest.with_version(merged).newest("stable")
    steps += [f"make {after.version} the latest version"] if after and after != before else []
    numbered = [f"{number:>3}. {step}" for number, step in enumerate(steps, start=1)]
    return [*(numbered or ["nothing to do"]), "nothing was changed (--dry-run)"]
