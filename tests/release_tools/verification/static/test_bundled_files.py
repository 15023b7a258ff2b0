import dataclasses
from collections.abc import Collection
from importlib.machinery import EXTENSION_SUFFIXES
from pathlib import Path

import pytest

from release_tools.settings import ReleaseSettings
from release_tools.verification.check import CheckFailedError, VerificationContext
from release_tools.verification.static import bundled_files
from release_tools.verification.suite.coverage import BundleContents
from tests.release_tools.installed import PROJECT, environment_of, install
from tests.release_tools.verification.context_variants import allowing
from tests.release_tools.verification.static.contexts import findings_of, make_context

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
    *(f"{name}-1.0.dist-info/{file}" for name in ("tiny_app", "plugins", "plain") for file in ("METADATA", "RECORD")),
}
# What remains of 259 characters in the longest temporary folder.
LONGEST_NAME = 189


@pytest.fixture
def context(settings: ReleaseSettings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> VerificationContext:
    """A build with the project, a distribution of plugins and a plain one."""
    bundle(monkeypatch)
    # The check compiles what's missing.
    written = {name: dict.fromkeys(files, "") for name, files in INSTALLED.items()}
    installed = environment_of(*(install(tmp_path, name, files) for name, files in written.items()))
    return make_context(settings, installed=installed)


def bundle(monkeypatch: pytest.MonkeyPatch, *, without: Collection[str] = ()) -> None:
    """Bundle everything that should be, except these."""
    contents = BundleContents(modules=frozenset(MODULES - {*without}), files=frozenset(FILES - {*without}))
    monkeypatch.setattr(bundled_files, "read_contents", lambda _: contents)


def test_complete_bundle_passes(context: VerificationContext) -> None:
    passed = bundled_files.check_bundled_files(context)
    assert (passed.figure, passed.notes) == ("5 modules, 1 files of 3 distributions", ())


@pytest.mark.parametrize(
    ("missing", "finding"),
    [
        ("tiny_app.late", "module tiny_app.late"),
        ("tiny_app/late.py", "file tiny_app/late.py"),
        ("tiny_app/hello.txt", "file tiny_app/hello.txt"),
        ("space.red", "module space.red"),
        (FAST, "module space.fast"),
        ("plain-1.0.dist-info/METADATA", "file plain-1.0.dist-info/METADATA"),
        ("plain-1.0.dist-info/RECORD", "file plain-1.0.dist-info/RECORD"),
    ],
)
@pytest.mark.shows_failing("bundled files")
def test_missing_module_or_file_is_refused(
    context: VerificationContext, monkeypatch: pytest.MonkeyPatch, missing: str, finding: str
) -> None:
    bundle(monkeypatch, without=[missing])
    assert findings_of(bundled_files.check_bundled_files, context) == (finding,)


def test_compiled_module_replaces_its_source(context: VerificationContext, monkeypatch: pytest.MonkeyPatch) -> None:
    contents = BundleContents(
        modules=frozenset(MODULES - {"tiny_app.late"}),
        files=frozenset({*FILES, f"tiny_app/late{EXTENSION_SUFFIXES[0]}"} - {"tiny_app/late.py"}),
    )
    monkeypatch.setattr(bundled_files, "read_contents", lambda _: contents)
    assert bundled_files.check_bundled_files(context).notes == ()


def test_missing_source_of_whole_distribution_is_refused(context: VerificationContext) -> None:
    whole = dataclasses.replace(context.settings, whole_distributions=("plain",))
    found = findings_of(bundled_files.check_bundled_files, dataclasses.replace(context, settings=whole))
    assert found == ("file plain/__init__.py",)


def test_excluded_and_allowed_files_may_be_missing(
    context: VerificationContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    bundle(monkeypatch, without=["space.red", "tiny_app.late", "tiny_app/late.py", "tiny_app/hello.txt"])
    excluding = dataclasses.replace(context.settings, exclude_modules=("space.red", "tiny_app.late"))
    context = allowing(dataclasses.replace(context, settings=excluding), "file tiny_app/hello.txt")
    assert bundled_files.check_bundled_files(context).figure.startswith("3 modules")


def test_what_is_left_out_is_noted(settings: ReleaseSettings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bundle(monkeypatch)
    files = {**INSTALLED, "plain": ("plain/__init__.py", "plain/tests/test_plain.py")}
    installed = environment_of(*(install(tmp_path, name, paths) for name, paths in files.items()))
    (note,) = bundled_files.check_bundled_files(make_context(settings, installed=installed)).notes
    assert "plain" in note
    assert "whole-distributions" in note


def test_module_of_dependency_that_never_compiles_is_noted(
    settings: ReleaseSettings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bundle(monkeypatch)
    texts = {"plain/__init__.py": "", "plain/python2.py": "print 1"}
    others = [install(tmp_path, name, paths) for name, paths in INSTALLED.items() if name != "plain"]
    installed = environment_of(*others, install(tmp_path, "plain", texts))
    passed = bundled_files.check_bundled_files(make_context(settings, installed=installed))
    assert [note for note in passed.notes if note.endswith("plain.python2")]


def with_data(settings: ReleaseSettings, site: Path, content: bytes) -> VerificationContext:
    """A bundle with a data file of a distribution that installed `table` there."""
    installed = environment_of(
        install(site, PROJECT, ["tiny_app/__init__.py"]), install(site, "plain", {"plain/table.csv": "table"})
    )
    return make_context(settings, data={"plain/table.csv": content, "other.txt": b""}, installed=installed)


def test_data_as_in_its_wheel_passes(settings: ReleaseSettings, tmp_path: Path) -> None:
    assert bundled_files.check_data_digests(with_data(settings, tmp_path, b"table")) == "1 files are as in their wheels"


@pytest.mark.shows_failing("data digests")
def test_changed_data_is_refused(settings: ReleaseSettings, tmp_path: Path) -> None:
    context = with_data(settings, tmp_path, b"tables")
    assert findings_of(bundled_files.check_data_digests, context) == ("plain/table.csv",)


def test_distribution_of_the_app_and_the_tools_passes(settings: ReleaseSettings, tmp_path: Path) -> None:
    shared = install(tmp_path / "app", "shared", ["shared.py"])
    tools = (install(tmp_path / "tools", "shared", ["shared.py"]), install(tmp_path / "tools", "freezer", []))
    installed = environment_of(shared, tools=tools)
    context = make_context(settings, modules={"shared": "", "json.decoder": ""}, installed=installed)
    assert bundled_files.check_build_only_distributions(context) == "none of 1"


@pytest.mark.shows_failing("build-only distributions")
def test_distribution_of_the_tools_is_refused(settings: ReleaseSettings, tmp_path: Path) -> None:
    installed = environment_of(tools=[install(tmp_path, "freezer", ["freezer/cli.py", "_freezer.py"])])
    context = make_context(settings, modules={"freezer.cli": ""}, installed=installed)
    with pytest.raises(CheckFailedError) as caught:
        bundled_files.check_build_only_distributions(context)
    assert caught.value.findings == ("freezer",)
    assert caught.value.cure == 'exclude-modules = ["_freezer", "freezer"]'
    assert bundled_files.check_build_only_distributions(allowing(context, "freezer")) == "none of 1"


def test_paths_within_the_limit_pass(settings: ReleaseSettings) -> None:
    data = {"tiny_app/a.txt": b"", "x" * LONGEST_NAME: b""}
    context = make_context(settings, platform="windows-amd64", data=data)
    assert bundled_files.check_path_lengths(context) == "189 of 189 characters"


@pytest.mark.shows_failing("path lengths")
def test_path_too_long_for_windows_is_refused(settings: ReleaseSettings) -> None:
    name = "x" * (LONGEST_NAME + 1)
    context = make_context(settings, platform="windows-amd64", data={"tiny_app/a.txt": b"", name: b""})
    finding = f"{name} (190 characters)"
    assert findings_of(bundled_files.check_path_lengths, context) == (finding,)
    assert bundled_files.check_path_lengths(allowing(context, finding))
