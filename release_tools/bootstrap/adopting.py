"""Copies the library, its sessions and tasks, and the workflow into another project, or updates them there.

What was copied is recorded in that project with its digests, so that the next run can tell a file that was edited there
from one that's just old. Everything is planned before the first file is written.
"""

import argparse
import hashlib
import json
import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from release_tools.bootstrap.adopted_settings import with_ignored_folders, with_settings
from release_tools.bootstrap.build_request import build_backend_problems
from release_tools.errors import EditedFilesError, Problem, RequestError
from release_tools.lockfile import LIBRARY
from release_tools.repository import read_commit
from release_tools.settings import ReleaseSettings, commands_of, project_table, read_toml
from release_tools.settings_schema import EXECUTABLE_NAME, TABLE, is_executable_name, table_at
from release_tools.versions import build_workflow_name

RECORD: Final = f"{LIBRARY.name}/adopted.json"
# What a project has itself, and what is added to.
_OWN_FILES: Final = ("pyproject.toml", ".gitignore", ".python-version")
_ACTIONS: Final = ".github/actions"
_WORKFLOWS: Final = ".github/workflows"

# A project may have these already, with content of its own.
_ENTRY_POINTS: Final = {
    "noxfile.py": "import release_tools.bootstrap.nox_sessions",
    "tasks.py": "the tasks of the tasks.py that release_tools came with",
}
NOXFILE: Final = '''"""Build this project's binary with `nox -s build`. `nox --list` shows all sessions."""

import sys
from pathlib import Path

import nox

# Nox doesn't add this file's folder to the path.
sys.path.insert(0, str(Path(__file__).parent))

import release_tools.bootstrap.nox_sessions  # noqa: E402, F401

nox.options.sessions = ["build"]
'''


@dataclass(frozen=True, kw_only=True)
class Adoption:
    """What to write and delete in a project, by path relative to it, and what is left to its owner.

    `edited` files differ from what was copied, and the library has another version of them by now.
    """

    written: Mapping[str, bytes]
    deleted: tuple[str, ...]
    edited: tuple[str, ...]
    notes: tuple[str, ...]


def adopt(root: Path, arguments: Sequence[str], report: Callable[[str], None], *, invoked_from: Path) -> None:
    """Copy the release tools of the project in `root` into another one, whose path is relative to `invoked_from`.

    Raises `RequestError` or `SettingsError` with every problem before anything is written, and `EditedFilesError` after
    updating all others if files were edited there.
    """
    parser = argparse.ArgumentParser(prog="nox -s adopt --")
    parser.add_argument("project", type=Path, help="the folder of the other project, a git repository")
    parser.add_argument("--executable", help="the command in [project.scripts] to freeze, if there are several")
    parser.add_argument("--force", action="store_true", help="overwrite files that were edited there")
    options = parser.parse_args(arguments)
    target = (invoked_from / options.project).resolve()
    _refuse(target, _folder_problems(root, target))
    pyproject = read_toml(target / "pyproject.toml")
    executable, command_problems = _choose_executable(pyproject, options.executable)
    _refuse(target, [*_git_problems(target), *build_backend_problems(pyproject), *command_problems])
    copies, recorded = dict(_copies(root, executable)), _read_record(target)
    _refuse(target, list(_place_problems(target, {*copies, *recorded, *_OWN_FILES, RECORD})))
    adoption = _plan(root, target, copies, recorded, is_forced=options.force)
    own_files, notes = _own_changes(root, target, pyproject, executable)
    adoption = replace(adoption, written={**adoption.written, **own_files}, notes=(*adoption.notes, *notes))
    _apply(target, adoption)
    for line in _summary(target, adoption):
        report(line)
    if adoption.edited:
        raise EditedFilesError(root, target, adoption.edited)


def _refuse(target: Path, problems: Sequence[Problem]) -> None:
    """Raise `RequestError` with all problems, if there are any."""
    if problems:
        raise RequestError(f"adopt the release tools in {target}", problems)


def _folder_problems(root: Path, target: Path) -> list[Problem]:
    """Why the folder isn't another project."""
    if target == root.resolve():
        return [Problem(what="the release tools come from there", hint="name the folder of another project")]
    if not (target / "pyproject.toml").is_file():
        what = "it has no pyproject.toml" if target.is_dir() else "there is no such folder"
        return [Problem(what=what, hint="name the folder with the pyproject.toml of a Poetry project")]
    return []


def _git_problems(target: Path) -> list[Problem]:
    if (target / ".git").exists():
        return []
    return [Problem(what="it's not the top folder of a git repository", hint=f"create one: git init {target}")]


def _choose_executable(pyproject: Mapping[str, Any], wanted: str | None) -> tuple[str, list[Problem]]:
    """The command to freeze: the configured or wanted one, the one named like the project, or the only one."""
    scripts = commands_of(pyproject)
    configured = table_at(pyproject, "tool", "release-tools").get("executable")
    name = project_table(pyproject).get("name")
    if configured and wanted not in {None, configured}:
        what = f"{TABLE} in its pyproject.toml has executable = {configured!r}"
        return "", [Problem(what=what, hint=f"write {wanted!r} there, or omit --executable")]
    chosen = configured or wanted or (name if name in scripts else None)
    candidates = [chosen] if chosen else sorted(scripts)
    if len(candidates) > 1:
        hint = f"choose one: nox -s adopt -- PROJECT --executable {candidates[0]}"
        return "", [Problem(what=f"it has several commands: {', '.join(candidates)}", hint=hint)]
    if not candidates or candidates[0] not in scripts:
        hint = f'add {chosen or "NAME"} = "package.module:function" to [project.scripts]'
        return "", [Problem(what=f"it has no command {chosen!r}" if chosen else "it has no command", hint=hint)]
    if not is_executable_name(candidates[0]):
        hint = f"rename it in [project.scripts]: use {EXECUTABLE_NAME}"
        return "", [Problem(what=f"the command {candidates[0]!r} can't name an executable", hint=hint)]
    return candidates[0], []


def _plan(
    root: Path, target: Path, copies: Mapping[str, bytes], recorded: Mapping[str, str], *, is_forced: bool
) -> Adoption:
    written: dict[str, bytes] = {}
    record: dict[str, str] = {}
    edited, deleted, notes = [], [], []
    for name, content in sorted(copies.items()):
        local, known, new = _digest_of(target / name), recorded.get(name), _digest(content)
        is_own = known is None and name in _ENTRY_POINTS
        if local in {known, new} or (is_forced and not is_own):
            record[name] = new
            written |= {name: content} if local != new else {}
        elif is_own:
            is_done = b"release_tools" in (target / name).read_bytes()
            notes += [] if is_done else [f"{name} is your own: add {_ENTRY_POINTS[name]}"]
        else:
            record |= {name: known} if known else {}
            # If the library's file is the same as before, the one that was edited stays, and there's nothing to say.
            edited += [name] if known != new else []
    for name in sorted(set(recorded) - set(copies)):
        local = _digest_of(target / name)
        if is_forced or local in {None, recorded[name]}:
            deleted += [name] if local else []
        else:
            record[name] = recorded[name]
            edited.append(name)
    commit = read_commit(root)
    origin = f"{commit.sha}{'-dirty' if commit.is_dirty else ''}" if commit else ""
    text = json.dumps({"commit": origin, "files": record}, indent=1, sort_keys=True) + "\n"
    if _digest_of(target / RECORD) != _digest(text.encode()):
        written[RECORD] = text.encode()
    return Adoption(written=written, deleted=tuple(deleted), edited=tuple(edited), notes=tuple(notes))


def _copies(root: Path, executable: str) -> Iterator[tuple[str, bytes]]:
    """Every file that a project gets, by its path there."""
    for folder in (root / LIBRARY.name, root / _ACTIONS):
        for path in folder.rglob("*"):
            name = path.relative_to(root).as_posix()
            # Neither caches nor what file managers and tools leave, such as .DS_Store.
            is_left = any(part.startswith((".", "__pycache__")) for part in path.relative_to(folder).parts)
            if path.is_file() and not is_left and name != RECORD:
                yield name, path.read_bytes()
    own = ReleaseSettings.load(root).executable
    workflow = (root / _WORKFLOWS / build_workflow_name(own)).read_text(encoding="utf-8")
    renamed = re.sub(rf"(?<!\w){re.escape(own)}(?!\w)", executable, workflow)
    yield f"{_WORKFLOWS}/{build_workflow_name(executable)}", renamed.encode()
    yield f"{LIBRARY.name}/LICENSE", (root / "LICENSE").read_bytes()
    yield "tasks.py", (root / "tasks.py").read_bytes()
    yield "noxfile.py", NOXFILE.encode()


def _own_changes(
    root: Path, target: Path, pyproject: Mapping[str, Any], executable: str
) -> tuple[dict[str, bytes], list[str]]:
    """The project's own files with what they lack, and what its owner has to do."""
    has_tests = any(next((target / name).rglob("test_*.py"), None) for name in ("test", "tests"))
    text = _read_text(target / "pyproject.toml")
    with_table, notes = with_settings(text, pyproject, executable, has_tests=has_tests)
    ignored = _read_text(target / ".gitignore")
    python_version = _read_text(target / ".python-version")
    changes = (
        ("pyproject.toml", text, with_table),
        (".gitignore", ignored, with_ignored_folders(ignored)),
        (".python-version", python_version, python_version or _read_text(root / ".python-version")),
    )
    if not (target / "LICENSE").is_file():
        notes.append("add a LICENSE: every archive includes it")
    return {name: new.encode(errors="surrogateescape") for name, old, new in changes if new != old}, notes


def _read_text(path: Path) -> str:
    """The text of a file with its own ends of lines; "" if there is none."""
    return path.read_bytes().decode(errors="surrogateescape") if path.is_file() else ""


def _place_problems(target: Path, names: Collection[str]) -> Iterator[Problem]:
    """Places where a file can't be written, or would be written somewhere else."""
    places = {place for name in names for place in ((target / name), *(target / name).parents) if place != target}
    for place in sorted(place for place in places if place.is_relative_to(target)):
        name = place.relative_to(target).as_posix()
        is_file = name in names
        if place.is_symlink():
            yield Problem(what=f"{name} is a symbolic link", hint="replace it with what it points to")
        elif place.exists() and place.is_dir() == is_file:
            kind = "a folder" if is_file else "a file"
            yield Problem(what=f"{name} is {kind}", hint="move it out of the way")


def _read_record(target: Path) -> Mapping[str, str]:
    """The digests of what was copied before; empty at the first time, or if the record isn't one."""
    try:
        files = json.loads((target / RECORD).read_text(encoding="utf-8"))["files"]
        return {name: str(digest) for name, digest in files.items() if _can_be_copied(name)}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return {}


def _can_be_copied(name: str) -> bool:
    """Whether a path in the record, which anyone may have edited, is one where this module puts files."""
    is_place = name.startswith((f"{LIBRARY.name}/", f"{_ACTIONS}/", f"{_WORKFLOWS}/")) or name in _ENTRY_POINTS
    return is_place and ".." not in Path(name).parts


def _digest_of(path: Path) -> str | None:
    return _digest(path.read_bytes()) if path.is_file() else None


def _digest(content: bytes) -> str:
    # Git may have changed the ends of lines.
    return hashlib.sha256(content.replace(b"\r\n", b"\n")).hexdigest()


def _apply(target: Path, adoption: Adoption) -> None:
    for name, content in adoption.written.items():
        path = target / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    for name in adoption.deleted:
        (target / name).unlink()


def _summary(target: Path, adoption: Adoption) -> Iterator[str]:
    counts: dict[str, int] = {}
    for name in adoption.written:
        top = name.rpartition("/")[0].partition("/")[0]
        key = f"{top}/" if top in {LIBRARY.name, ".github"} else name
        counts[key] = counts.get(key, 0) + 1
    for key, count in sorted(counts.items()):
        files = "1 file" if count == 1 else f"{count} files"
        yield f"wrote {key} ({files})" if key.endswith("/") else f"wrote {key}"
    for name in adoption.deleted:
        yield f"deleted {name}"
    if not counts and not adoption.deleted:
        yield "everything is up to date"
        return
    steps = [
        *adoption.notes,
        "poetry lock",
        "git add --all",
        "review the changes: git diff --staged",
        "git commit",
        "nox -s build",
    ]
    yield f"next, in {target}:"
    for step in steps:
        yield f"  - {step}"
