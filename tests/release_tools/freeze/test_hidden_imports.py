"""What is bundled though no import names it."""

import dataclasses
from importlib.metadata import Distribution, PathDistribution
from pathlib import Path

import pytest

from release_tools.freeze.hidden_imports import modules_found_by_name
from release_tools.settings import ReleaseSettings


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "site"
    folder.mkdir()
    monkeypatch.syspath_prepend(str(folder))
    return folder


def install(site: Path, name: str, *files: str, entry_points: str = "") -> Distribution:
    metadata = site / f"{name.replace('-', '_')}-1.0.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text(f"Name: {name}\nVersion: 1.0\n", encoding="utf-8")
    (metadata / "RECORD").write_text("".join(f"{file},,\n" for file in files), encoding="utf-8")
    (metadata / "entry_points.txt").write_text(entry_points, encoding="utf-8")
    return PathDistribution(metadata)


def test_own_modules_and_namespace_packages_are_named_without_the_excluded(
    settings: ReleaseSettings, site: Path
) -> None:
    own = install(site, "tiny-app", "tiny_app/__init__.py", "tiny_app/late.py")
    plugin = install(site, "plugin", "plugins/red.py", "plugins/blue.py")
    excluding = dataclasses.replace(settings, exclude_modules=("plugins.blue",))
    assert modules_found_by_name(excluding, [own, plugin]) == ("plugins.red", "tiny_app", "tiny_app.late")


def test_every_module_of_a_whole_distribution_is_named(settings: ReleaseSettings, site: Path) -> None:
    own = install(site, "tiny-app", "tiny_app.py")
    views = install(site, "views", "views/__init__.py", "views/late.py", "views/page.html")
    whole = dataclasses.replace(settings, whole_distributions=("views",))
    assert modules_found_by_name(settings, [own, views]) == ("tiny_app",)
    assert modules_found_by_name(whole, [own, views]) == ("tiny_app", "views", "views.late")


def test_what_entry_points_name_is_named_but_not_what_they_tell_installers_and_test_runners(
    settings: ReleaseSettings, site: Path
) -> None:
    own = install(site, "tiny-app", "tiny_app/__init__.py", entry_points="[tiny.plugins]\nred = backends.red:Red\n")
    groups = "[backends]\nblue = backends.blue:Blue\n[pytest11]\nb = backends.testing\n[distutils.x]\nc = backends.c\n"
    files = [f"backends/{name}.py" for name in ("__init__", "red", "blue", "testing", "c")]
    backends = install(site, "backends", *files, entry_points=groups)
    assert modules_found_by_name(settings, [own, backends]) == ("backends.blue", "backends.red", "tiny_app")


def test_an_entry_point_to_nowhere_is_kept_for_the_project_alone(settings: ReleaseSettings, site: Path) -> None:
    """PyInstaller then says that it was not found, and the freeze refuses that."""
    own = install(site, "tiny-app", "tiny_app.py", entry_points="[a]\nb = tiny_gone\n")
    other = install(site, "other", "other/__init__.py", entry_points="[a]\nb = other.extra:main [extra]\n")
    assert modules_found_by_name(settings, [own, other]) == ("tiny_app", "tiny_gone")


def test_time_zone_data_is_named_where_it_is_locked(settings: ReleaseSettings, site: Path) -> None:
    own = install(site, "tiny-app", "tiny_app.py")
    data = install(site, "tzdata", "tzdata/__init__.py")
    assert modules_found_by_name(settings, [own]) == ("tiny_app",)
    assert modules_found_by_name(settings, [own, data]) == ("tiny_app", "tzdata")
