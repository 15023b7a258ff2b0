"""Changes the manifests by compare-and-swap, so that no publisher undoes what another one has written.

`versions.json` is changed first and is the only source of `latest.json`, which never names files that aren't there, a
pre-release or a yanked version, and never goes back to an older version, except from one that was yanked.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Final

from release_tools.errors import Problem
from release_tools.installers.scripts import POWERSHELL_SCRIPT, SHELL_SCRIPT
from release_tools.releasing.errors import ManifestError, MirrorIncompleteError
from release_tools.releasing.mirror.manifest import (
    LATEST_NAME,
    VERSIONS_NAME,
    Latest,
    Manifest,
    MirroredFile,
    MirroredVersion,
)
from release_tools.releasing.mirror.store import ObjectStore, StoredText

# Without other publishers it takes two: write, and read back.
_MAX_ROUNDS: Final = 8
_CONTENT_TYPE: Final = "application/json"
# Shown in a browser; PowerShell's Invoke-RestMethod returns it as a string.
INSTALLER_TYPE: Final = "text/plain; charset=utf-8"

Change = Callable[[Manifest], Manifest]


def read_manifest(store: ObjectStore) -> tuple[Manifest, StoredText | None]:
    """The manifest of every version, with the stored text; an empty one before the first release.

    Raises `ManifestError` if it's damaged, is another app's, or was lost.
    """
    for attempt in range(1, _MAX_ROUNDS + 1):
        stored = store.text(VERSIONS_NAME)
        if stored is not None:
            manifest = Manifest.from_json(stored.text)
            _require_name(VERSIONS_NAME, manifest.name, store.mirror.name)
            return manifest, stored
        if store.text(LATEST_NAME) is None:
            return Manifest(name=store.mirror.name, versions=()), None
        # Another publisher has just written both, or the store doesn't show the first yet.
        store.back_off(attempt)
    hint = f"look at the bucket; restore {VERSIONS_NAME} from a backup if it was deleted"
    raise ManifestError(VERSIONS_NAME, [Problem(what=f"it's missing, but {LATEST_NAME} exists", hint=hint)])


def read_latest(store: ObjectStore) -> tuple[Latest, StoredText | None]:
    """The content of `latest.json`, with the stored text. Raises `ManifestError`."""
    stored = store.text(LATEST_NAME)
    if stored is None:
        return Latest(name=store.mirror.name, latest=None), None
    latest = Latest.from_json(stored.text)
    _require_name(LATEST_NAME, latest.name, store.mirror.name)
    return latest, stored


def update_versions(store: ObjectStore, change: Change) -> Manifest:
    """Change `versions.json`, and return it as the store shows it afterwards.

    `change` is applied to what other publishers have written, as often as needed. Raises `MirrorIncompleteError`, and
    `ManifestError` for a change that no reader would accept.
    """
    for attempt in range(1, _MAX_ROUNDS + 1):
        manifest, stored = read_manifest(store)
        changed = change(manifest)
        if changed == manifest:
            return manifest
        text = replace(changed, revision=manifest.revision + 1).to_json()
        # What every reader would refuse is never written.
        Manifest.from_json(text)
        if not store.replace(VERSIONS_NAME, text, stored.etag if stored else None, _CONTENT_TYPE):
            store.back_off(attempt)
    raise MirrorIncompleteError(VERSIONS_NAME, _MAX_ROUNDS)


def update_latest(store: ObjectStore, known: Manifest, view: Change = lambda manifest: manifest) -> Latest:
    """Make `latest.json` agree with `versions.json`, or with a `view` of it; returns what it says.

    `known` is what this run has seen: anything older is outdated. Raises `ManifestError` if the newest version lacks a
    file, and `MirrorIncompleteError`.
    """
    for attempt in range(1, _MAX_ROUNDS + 1):
        # Read before `versions.json`: if another publisher writes in between, this one's tag is outdated.
        current, stored = read_latest(store)
        manifest = view(read_manifest(store)[0])
        offered = manifest.newest("stable")
        if manifest.revision < max(known.revision, current.revision) or _goes_back(current, offered, manifest):
            # The store shows an old copy.
            store.back_off(attempt)
            continue
        if current.latest == offered:
            return current
        if offered is not None:
            require_files(store, LATEST_NAME, offered.version, offered.files)
        latest = Latest(name=store.mirror.name, latest=offered, revision=manifest.revision)
        if not store.replace(LATEST_NAME, latest.to_json(), stored.etag if stored else None, _CONTENT_TYPE):
            store.back_off(attempt)
    raise MirrorIncompleteError(LATEST_NAME, _MAX_ROUNDS)


def update_installers(store: ObjectStore, known: Latest) -> None:
    """Make the installers beside the manifests those of the latest version. `known` is what this run has seen of it.

    Raises `ManifestError` if they aren't the listed ones, and `MirrorIncompleteError`.
    """
    for name in (SHELL_SCRIPT, POWERSHELL_SCRIPT):
        for attempt in range(1, _MAX_ROUNDS + 1):
            # Read before `latest.json`, for the same reason as that before `versions.json`.
            stored = store.text(name)
            current, _ = read_latest(store)
            if current.revision < known.revision:
                store.back_off(attempt)
                continue
            latest = current.latest
            file = next((file for file in latest.files if file.name == name), None) if latest else None
            if latest is None or file is None:
                break
            require_files(store, LATEST_NAME, latest.version, [file])
            wanted = store.text(latest.version, name)
            if wanted is not None and stored is not None and wanted.text == stored.text:
                break
            etag = stored.etag if stored else None
            if wanted is None or not store.replace(name, wanted.text, etag, INSTALLER_TYPE):
                store.back_off(attempt)
        else:
            raise MirrorIncompleteError(name, _MAX_ROUNDS)


def require_files(store: ObjectStore, manifest: str, version: str, files: Sequence[MirroredFile]) -> None:
    """Raise `ManifestError` unless the store has all these files with these bytes, so that a manifest may name them."""
    problems = []
    for file in files:
        stored = store.file(version, file.name)
        if stored is None or (stored.size, stored.sha256) != (file.size, file.sha256):
            state = f"has {stored.size} bytes and sha256 {stored.sha256}" if stored else "is missing"
            hint = f"restore it, or yank {version} so that nobody is sent to it"
            problems.append(Problem(what=f"{version}/{file.name} {state}", hint=hint))
    if problems:
        raise ManifestError(manifest, problems)


def _goes_back(current: Latest, offered: MirroredVersion | None, manifest: Manifest) -> bool:
    """Whether an older version would become the latest although the current one isn't yanked."""
    if current.latest is None or (offered is not None and offered.parsed >= current.latest.parsed):
        return False
    known = manifest.find(current.latest.version)
    return known is None or not known.yanked


def _require_name(manifest: str, found: str, name: str) -> None:
    if found != name:
        hint = "set another `prefix` for this app: each has its own"
        raise ManifestError(manifest, [Problem(what=f"it's of {found!r}, not of {name!r}", hint=hint)])
