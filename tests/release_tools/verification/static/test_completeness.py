"""The bundle holds own files, metadata and namespace packages, or the checks name what is not there."""

import dataclasses
from collections.abc import Collection
from importlib.machinery import EXTENSION_SUFFIXES
from pathlib import Path

import pytest

from release_tools.lockfile import LockedPackage, LockFile
from release_tools.platforms import find_platform
from release_tools.settings import AllowedFinding, ReleaseSettings
from release_tools.verification.check import CheckFailedError, CheckSkippedError, VerificationContext
from release_tools.verification.static import completeness as namespaces
from release_tools.verification.suite.coverage import BundleContents
from release_tools.versions import BuildVersion

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
    monkeypatch.syspath_prepend(str(tmp_path))
    for name, files in INSTALLED.items():
        metadata = tmp_path / f"{name.replace('-', '_')}-1.0.dist-info"
        metadata.mkdir()
        (metadata / "METADATA").write_text(f"Name: {name}\nVersion: 1.0\n", encoding="utf-8")
        record = "".join(f"{file},,\n" for file in (*files, f"{metadata.name}/METADATA"))
        (metadata / "RECORD").write_text(record, encoding="utf-8")
    bundle(monkeypatch)
    lock(monkeypatch, "plugins", "plain")
    return VerificationContext(
        settings=settings,
        platform=find_platform("linux-amd64"),
        version=BuildVersion(label="dev", project_version="1.0", local_part="dev"),
        archive=tmp_path,
        folder=tmp_path,
        scratch=tmp_path,
        suite_python=None,
    )


def bundle(monkeypatch: pytest.MonkeyPatch, *, without: Collection[str] = ()) -> None:
    """Let the executable hold all that it should, but this."""
    contents = BundleContents(modules=frozenset(MODULES - {*without}), files=frozenset(FILES - {*without}))
    monkeypatch.setattr(namespaces, "read_contents", lambda _: contents)


def lock(monkeypatch: pytest.MonkeyPatch, *names: str) -> None:
    packages = tuple(
        LockedPackage(
            name=name, version="1.0", groups=frozenset({"main"}), markers=(("main", ""),), hashes=(), file_names=()
        )
        for name in names
    )
    read = LockFile(path=Path("poetry.lock"), packages=packages, content_hash="")
    monkeypatch.setattr(namespaces, "read_lock_file", lambda _: read)


def test_a_bundle_with_all_of_it_passes(context: VerificationContext) -> None:
    assert namespaces.check_own_files(context) == "2 modules, 3 files, metadata of 3 distributions"
    assert namespaces.check_namespace_packages(context) == "2 modules in space"


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
def test_a_lost_file_of_the_project_is_named(
    context: VerificationContext, monkeypatch: pytest.MonkeyPatch, lost: str, told: str
) -> None:
    bundle(monkeypatch, without=[lost])
    with pytest.raises(CheckFailedError) as caught:
        namespaces.check_own_files(context)
    assert caught.value.what == f"modules and files of the project that the binary lacks: {told}"


def test_a_lost_file_of_a_whole_distribution_is_named(context: VerificationContext) -> None:
    whole = dataclasses.replace(context.settings, whole_distributions=("plain",))
    with pytest.raises(CheckFailedError, match=r"that the binary lacks: file plain/__init__\.py"):
        namespaces.check_own_files(dataclasses.replace(context, settings=whole))


@pytest.mark.parametrize(("lost", "module"), [("space.red", "space.red"), (FAST, "space.fast")])
def test_a_lost_plugin_is_named(
    context: VerificationContext, monkeypatch: pytest.MonkeyPatch, lost: str, module: str
) -> None:
    bundle(monkeypatch, without=[lost])
    with pytest.raises(CheckFailedError, match=f"that the binary lacks: {module}\n"):
        namespaces.check_namespace_packages(context)


def test_what_is_excluded_or_allowed_may_be_missing(
    context: VerificationContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    bundle(monkeypatch, without=["space.red", "tiny_app.late", "tiny_app/late.py", "tiny_app/hello.txt"])
    allowed = (AllowedFinding(check="own files", finding="file tiny_app/hello.txt", reason="a note"),)
    excluding = dataclasses.replace(
        context.settings, exclude_modules=("space.red", "tiny_app.late"), allowed_findings=allowed
    )
    assert namespaces.check_own_files(dataclasses.replace(context, settings=excluding)).startswith("1 modules, 2 files")
    assert namespaces.check_namespace_packages(dataclasses.replace(context, settings=excluding)) == "1 modules in space"


def test_an_app_without_namespace_packages_is_skipped(
    context: VerificationContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    lock(monkeypatch, "plain")
    with pytest.raises(CheckSkippedError, match="no locked distribution has a namespace package"):
        namespaces.check_namespace_packages(context)
