"""Scripts that run probes like a frozen twin, after breaking something."""

import sys
from collections.abc import Collection, Mapping
from pathlib import Path

from PyInstaller.archive.writers import CArchiveWriter, ZlibArchiveWriter

from release_tools.freeze.plan import PROBE_LAUNCHER
from release_tools.platforms import host_platform
from release_tools.settings import ReleaseSettings
from release_tools.verification.check import BuildEvidence, VerificationContext
from release_tools.versions import BuildVersion
from tests.release_tools.installed import lock_of, running_environment


def make_twin(
    settings: ReleaseSettings,
    prelude: str = "",
    *,
    modules: Mapping[str, str] | None = None,
    project: str = "tiny-app",
    locked: Collection[str] = (),
) -> VerificationContext:
    """The context of a build whose twin runs `prelude` first, and whose executable bundles these modules.

    The frozen environment is that of the tests, with `project` as the app's own distribution.
    """
    installed = running_environment(lock_of(dict.fromkeys(locked, "1")), project=project)
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
        evidence=BuildEvidence(installed=installed, python=Path(sys.executable), probe=probe),
    )
    context.folder.mkdir()
    write_bundle(context.executable, modules or {})
    return context


def write_script(path: Path, code: str) -> None:
    """Write an executable Python script that does nothing when it's imported."""
    indented = "\n".join(f"    {line}" for line in code.splitlines())
    path.write_text(f"#!{sys.executable} -IXutf8\nif __name__ == '__main__':\n{indented}\n", encoding="utf-8")
    path.chmod(0o755)


def write_bundle(
    path: Path, modules: Mapping[str, str], *, script: str = "", data: str = "text", option: str = "X utf8"
) -> None:
    """Write the payload of a one-file executable, with a main script of the same name.

    A module whose name ends with a slash is a package.
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
