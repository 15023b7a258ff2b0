"""Small Python scripts take the place of the unpacked executable."""

import sys
import venv
from collections.abc import Callable
from pathlib import Path

import pytest

from release_tools.platforms import host_platform
from release_tools.settings import ReleaseSettings
from release_tools.verification.check import VerificationContext
from release_tools.versions import BuildVersion
from tests.release_tools.verification.context_variants import as_build

# Like a frozen program, isolated from Python's variables and in UTF-8 mode.
LIKE_FROZEN = "-IXutf8"

MakeContext = Callable[..., VerificationContext]


def write_script(path: Path, code: str, options: str = LIKE_FROZEN) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!{sys.executable} {options}".rstrip() + f"\n{code}\n", encoding="utf-8")
    path.chmod(0o755)
    return path


def with_source(context: VerificationContext, code: str) -> VerificationContext:
    """Add the evidence of a build whose environment has this code as the app's entry point."""
    environment = context.scratch / "environment"
    venv.create(environment, with_pip=False, symlinks=True)
    package = next(environment.glob("lib/python*/site-packages")) / "tiny_app"
    package.mkdir()
    (package / "__init__.py").touch()
    (package / "cli.py").write_text(f"CODE = {code!r}\ndef main():\n    exec(CODE, globals())\n", encoding="utf-8")
    return as_build(context, python=environment / "bin" / "python")


@pytest.fixture
def make_context(settings: ReleaseSettings) -> MakeContext:
    """Make a context whose executable is a script with this code, for this machine."""

    def make(code: str, options: str = LIKE_FROZEN) -> VerificationContext:
        scratch = settings.root / "verify"
        write_script(scratch / "unpacked" / "tiny", code, options)
        return VerificationContext(
            settings=settings,
            platform=host_platform(),
            version=BuildVersion(label="v1.2.3", project_version="1.2.3", local_part=""),
            archive=settings.root / "tiny.tar.gz",
            folder=scratch / "unpacked",
            scratch=scratch,
            suite_python=Path(sys.executable),
        )

    return make
