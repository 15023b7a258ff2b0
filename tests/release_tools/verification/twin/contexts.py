"""Twins without a freeze: a script that runs the probes as the frozen twin does, after something was broken in it."""

import sys
from collections.abc import Mapping
from pathlib import Path

from PyInstaller.archive.writers import CArchiveWriter, ZlibArchiveWriter

from release_tools.freeze.plan import PROBE_LAUNCHER
from release_tools.platforms import host_platform
from release_tools.settings import ReleaseSettings
from release_tools.verification.check import VerificationContext
from release_tools.versions import BuildVersion

LOCK = """\
[metadata]
lock-version = "2.1"
content-hash = ""
"""
LOCKED = """
[[package]]
name = "{name}"
version = "1"
groups = ["main"]
files = [{{ file = "{name}-1.whl", hash = "sha256:0" }}]
"""


def make_twin(
    settings: ReleaseSettings,
    prelude: str = "",
    *,
    modules: Mapping[str, str] | None = None,
    locked: tuple[str, ...] = (),
) -> VerificationContext:
    """A build's context, whose twin runs `prelude` first, and whose executable bundles these modules."""
    settings.lock_path.write_text(LOCK + "".join(LOCKED.format(name=name) for name in locked), encoding="utf-8")
    scratch = settings.root / "scratch"
    scratch.mkdir()
    probe = settings.root / "probe"
    launch = f"exec(compile(open({str(PROBE_LAUNCHER)!r}).read(), 'launcher', 'exec'))"
    write_script(probe, f"{prelude}\n{launch}")
    context = VerificationContext(
        settings=settings,
        platform=host_platform(),
        version=BuildVersion(label="v1.2.3", project_version="1.2.3", local_part=""),
        archive=settings.root / "archive",
        folder=settings.root / "unpacked",
        scratch=scratch,
        suite_python=None,
        probe=probe,
        source_python=Path(sys.executable),
    )
    context.folder.mkdir()
    write_bundle(context.executable, modules or {})
    return context


def write_script(path: Path, code: str) -> None:
    """An executable Python script; what it does, it does as the main program only."""
    indented = "\n".join(f"    {line}" for line in code.splitlines())
    path.write_text(f"#!{sys.executable} -IXutf8\nif __name__ == '__main__':\n{indented}\n", encoding="utf-8")
    path.chmod(0o755)


def write_bundle(
    path: Path, modules: Mapping[str, str], *, script: str = "", data: str = "text", option: str = "X utf8"
) -> None:
    """A one-file executable's payload, whose main script is named after it.

    A module whose name ends in a slash is a package.
    """
    work = path.with_suffix(".work")
    work.mkdir()
    names = {name.rstrip("/"): source for name, source in modules.items()}
    codes = {name: compile(source, f"{name}.py", "exec") for name, source in names.items()}
    files = [(name.rstrip("/"), "__init__.py" if name.endswith("/") else f"{name}.py") for name in modules]
    ZlibArchiveWriter(str(work / "PYZ.pyz"), [(*entry, "PYMODULE") for entry in files], code_dict=codes)
    for name, content in ((path.stem, script), ("data", data)):
        (work / f"{name}.py").write_text(content, encoding="utf-8")
    entries = [
        (option, "", False, "o"),
        (path.stem, str(work / f"{path.stem}.py"), False, "s"),
        ("data.txt", str(work / "data.py"), False, "x"),
        ("PYZ.pyz", str(work / "PYZ.pyz"), False, "z"),
    ]
    CArchiveWriter(str(path), entries, "libpython3.13.so")
