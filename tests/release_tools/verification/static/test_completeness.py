"""The bundle holds own files, metadata and namespace packages, or the checks name what is not there."""

import dataclasses
import sys
from collections.abc import Collection
from importlib.machinery import EXTENSION_SUFFIXES
from pathlib import Path

import pytest

from release_tools.platforms import find_platform
from release_tools.settings import ReleaseSettings
from release_tools.verification.check import BuildEvidence, CheckFailedError, CheckSkippedError, VerificationContext
from release_tools.verification.static import completeness
from release_tools.verification.suite.coverage import BundleContents
from release_tools.versions import BuildVersion
from tests.release_tools.installed import environment_of, install
from tests.release_tools.verification.context_variants import allowing

FAST = f"space/fast{EXTENSION_SUFFIXES[0]}"
INSTALLED = {
    "tiny-app": ("tiny_app/__init__.py", "tiny_app/late.py", "tiny_app/hello.txt"),
    "plugins": ("space/red.py", FAST),
    "plain": ("plain/__init__.py",),
}
MODULES = {"tiny_app", "tiny_app.late", "space.red", "plain"}
FILES = {
    *INSTALLED["tiny-app"],
    FAST,
    *(f"{name}-1.0.dist-info/METADATA" for name in ("tiny_app", "plugins", "plain")),
}


@pytest.fixture
def context(settings: ReleaseSettings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> VerificationContext:
    """A build in an environment with the project, a distribution of plugins, and a plain one."""
    bundle(monkeypatch)
    installed = environment_of(*(install(tmp_path, name, files) for name, files in INSTALLED.items()))
    return VerificationContext(
        settings=settings,
        platform=find_platform("linux-amd64"),
        version=BuildVersion(label="dev", project_version="1.0", local_part="dev"),
        archive=tmp_path,
        folder=tmp_path,
        scratch=tmp_path,
        suite_python=None,
        evidence=BuildEvidence(installed=installed, python=Path(sys.executable)),
    )


def bundle(monkeypatch: pytest.MonkeyPatch, *, without: Collection[str] = ()) -> None:
    """Let the executable hold all that it should, but this."""
    contents = BundleContents(modules=frozenset(MODULES - {*without}), files=frozenset(FILES - {*without}))
    monkeypatch.setattr(completeness, "read_contents", lambda _: contents)


def test_a_bundle_with_all_of_it_passes(context: VerificationContext) -> None:
    assert completeness.check_own_files(context) == "2 modules, 3 files, metadata of 3 distributions"
    assert completeness.check_namespace_packages(context) == "2 modules in space"


@pytest.mark.parametrize(
    ("lost", "told"),
    [
        ("tiny_app.late", "module tiny_app.late"),
        ("tiny_app/late.py", "file tiny_app/late.py"),
        ("tiny_app/hello.txt", "file tiny_app/hello.txt"),
        ("plain-1.0.dist-info/METADATA", "file plain-1.0.dist-info/METADATA"),
        ("tiny_app-1.0.dist-info/METADATA", "file tiny_app-1.0.dist-info/METADATA"),
    ],
)
@pytest.mark.shows_failing("own files")
def test_a_lost_file_of_the_project_is_named(
    context: VerificationContext, monkeypatch: pytest.MonkeyPatch, lost: str, told: str
) -> None:
    bundle(monkeypatch, without=[lost])
    with pytest.raises(CheckFailedError) as caught:
        completeness.check_own_files(context)
    assert caught.value.findings == (told,)


def test_a_lost_file_of_a_whole_distribution_is_named(context: VerificationContext) -> None:
    whole = dataclasses.replace(context.settings, whole_distributions=("plain",))
    with pytest.raises(CheckFailedError) as caught:
        completeness.check_own_files(dataclasses.replace(context, settings=whole))
    assert caught.value.findings == ("file plain/__init__.py",)


@pytest.mark.parametrize(("lost", "module"), [("space.red", "space.red"), (FAST, "space.fast")])
@pytest.mark.shows_failing("namespace packages")
def test_a_lost_plugin_is_named(
    context: VerificationContext, monkeypatch: pytest.MonkeyPatch, lost: str, module: str
) -> None:
    bundle(monkeypatch, without=[lost])
    with pytest.raises(CheckFailedError) as caught:
        completeness.check_namespace_packages(context)
    assert caught.value.findings == (module,)


def test_what_is_excluded_or_allowed_may_be_missing(
    context: VerificationContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    bundle(monkeypatch, without=["space.red", "tiny_app.late", "tiny_app/late.py", "tiny_app/hello.txt"])
    excluding = dataclasses.replace(context.settings, exclude_modules=("space.red", "tiny_app.late"))
    context = allowing(dataclasses.replace(context, settings=excluding), "file tiny_app/hello.txt")
    assert completeness.check_own_files(context).startswith("1 modules, 2 files")
    assert completeness.check_namespace_packages(context) == "1 modules in space"


def test_app_without_namespace_packages_is_skipped(context: VerificationContext) -> None:
    without = dataclasses.replace(context.build.installed, for_app={"plain": "1.0"})
    with pytest.raises(CheckSkippedError):
        completeness.check_namespace_packages(
            dataclasses.replace(context, evidence=dataclasses.replace(context.build, installed=without))
        )
