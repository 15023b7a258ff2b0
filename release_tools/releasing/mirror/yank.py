"""`invoke yank`: withdraws a version from the mirror, or brings it back. Its files stay, for those who pinned it.

The latest version moves to the newest stable one that isn't yanked. This is the only way for it to go back.
"""

from collections.abc import Callable
from dataclasses import replace

from release_tools.errors import Problem
from release_tools.releasing.errors import MirrorError
from release_tools.releasing.mirror.manifest import Manifest
from release_tools.releasing.mirror.manifest_updates import (
    read_manifest,
    update_installers,
    update_latest,
    update_versions,
)
from release_tools.releasing.mirror.store import ObjectStore
from release_tools.versions import version_of_tag


def yank(store: ObjectStore, tag: str, *, reason: str, say: Callable[[str], None], is_undone: bool) -> None:
    """Yank the version of a tag, or undo it. Can be repeated after any interruption.

    Raises `MirrorError` if the mirror doesn't have the version, and the errors of the store and the manifests.
    """
    version = version_of_tag(store.mirror.name, tag) or ""
    action = "undo the yank of" if is_undone else "yank"
    manifest, _ = read_manifest(store)
    if manifest.find(version) is None:
        problem = Problem(what="the mirror doesn't have it", hint="`invoke versions` lists what the mirror has")
        raise MirrorError(tag, action, [problem])
    store.require_conditional_writes()

    def change(manifest: Manifest) -> Manifest:
        known = manifest.find(version)
        if known is None or known.yanked != is_undone:
            return manifest
        return manifest.with_version(replace(known, yanked=not is_undone, yank_reason="" if is_undone else reason))

    if not is_undone:
        # Before the version is marked, so that `latest.json` doesn't name a yanked version even for a moment.
        update_latest(store, manifest, change)
    manifest = update_versions(store, change)
    say(f"{version} {'is no longer' if is_undone else 'is'} yanked")
    latest = update_latest(store, manifest)
    update_installers(store, latest)
    say(f"latest: {latest.latest.version if latest.latest else 'none'}")
