import dataclasses
from pathlib import Path

import pytest

from release_tools.settings import ReleaseSettings
from release_tools.verification.check import VerificationContext
from release_tools.verification.owners import cure_for_missing, owner_finder
from tests.release_tools.installed import PROJECT, environment_of, install
from tests.release_tools.verification.context_variants import as_build
from tests.release_tools.verification.packaged import make_context


@pytest.fixture
def context(settings: ReleaseSettings, tmp_path: Path) -> VerificationContext:
    """A build of a project with the dependency `plugins`."""
    site = tmp_path / "site"
    files = {"plug/__init__.py": "", "plug/ins/late.py": "", "plug/data.cfg": ""}
    installed = environment_of(install(site, PROJECT, {"tiny_app/cli.py": ""}), install(site, "plugins", files))
    return as_build(make_context(settings), installed=installed)


@pytest.mark.parametrize(
    ("finding", "owner"),
    [
        ("module plug.ins.late", "plugins"),
        ("plug.ins.late:NAME", "plugins"),
        ("plug.ins.unknown", "plugins"),
        ("file plug/data.cfg", "plugins"),
        ("plug/data.cfg contains a secret", "plugins"),
        ("plugins-1.0.dist-info/METADATA is not a native file", "plugins"),
        ("module tiny_app.cli", PROJECT),
        ("it broke", ""),
    ],
)
def test_owner_of_a_finding_is_found(context: VerificationContext, finding: str, owner: str) -> None:
    assert owner_finder(context)(finding) == owner


@pytest.mark.parametrize(
    "text",
    [
        "ModuleNotFoundError: No module named 'plug.ins.late'",
        "FileNotFoundError: [Errno 2] No such file or directory: '/x/_MEIab/plug/data.cfg'",
        "file plug/data.cfg: needed by test_it",
    ],
)
def test_missing_part_of_a_dependency_is_cured_by_bundling_it_whole(context: VerificationContext, text: str) -> None:
    assert cure_for_missing(context, ["it failed", text]) == 'whole-distributions = ["plugins"]'
    settings = dataclasses.replace(context.settings, whole_distributions=("plugins",))
    assert cure_for_missing(dataclasses.replace(context, settings=settings), [text]) == ""


@pytest.mark.parametrize("text", ["No module named 'plug.gone'", "No module named 'tiny_app.cli'", "it broke"])
def test_what_no_dependency_has_is_not_cured(context: VerificationContext, text: str) -> None:
    assert cure_for_missing(context, [text]) == ""


@pytest.mark.parametrize(
    ("excluded", "text", "cure"),
    [
        (
            {"exclude_modules": ("tkinter", "plug.ins")},
            "No module named 'plug.ins.late'",
            'exclude-modules = ["tkinter"]',
        ),
        ({"exclude_modules": ("plug.*",)}, "No module named 'plug.ins.late'", "exclude-modules = []"),
        ({"exclude_files": ("plug/*.cfg", "a/**")}, "file plug/data.cfg", 'exclude-files = ["a/**"]'),
    ],
)
def test_excluded_part_is_cured_by_including_it(
    context: VerificationContext, excluded: dict[str, tuple[str, ...]], text: str, cure: str
) -> None:
    settings = dataclasses.replace(context.settings, **excluded)  # type: ignore[arg-type]
    assert cure_for_missing(dataclasses.replace(context, settings=settings), [text]) == cure
