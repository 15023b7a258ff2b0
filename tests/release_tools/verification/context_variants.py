"""Contexts with the evidence of a build, and of projects that allow a finding."""

import dataclasses
import sys
from pathlib import Path

from release_tools.distributions import InstalledEnvironment
from release_tools.settings import AllowedFinding
from release_tools.verification.check import BuildEvidence, VerificationContext
from tests.release_tools.installed import running_environment


def as_build(
    context: VerificationContext,
    *,
    python: Path = Path(sys.executable),
    installed: InstalledEnvironment | None = None,
    probe: Path | None = None,
) -> VerificationContext:
    """Add the evidence of a build. By default, `installed` is the environment of the tests."""
    installed = installed or running_environment()
    return dataclasses.replace(context, evidence=BuildEvidence(installed=installed, python=python, probe=probe))


def allowing(context: VerificationContext, *findings: str, check: str = "the check") -> VerificationContext:
    """The context of `check` in a project that allows these findings of it."""
    allowed = tuple(AllowedFinding(check=check, finding=finding, reason="for the test") for finding in findings)
    return dataclasses.replace(
        context, check=check, settings=dataclasses.replace(context.settings, allowed_findings=allowed)
    )
