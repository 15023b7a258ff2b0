"""What is bundled although no import names it."""

import dataclasses
from pathlib import Path

from release_tools.freeze.hidden_imports import modules_found_by_name
from release_tools.settings import ReleaseSettings
from tests.release_tools.installed import environment_of, install


def test_own_and_namespace_modules_are_hidden_imports(settings: ReleaseSettings, tmp_path: Path) -> None:
    own = install(tmp_path, "tiny-app", ["tiny_app/__init__.py", "tiny_app/late.py"])
    plugin = install(tmp_path, "plugin", ["plugins/red.py", "plugins/blue.py"])
    excluding = dataclasses.replace(settings, exclude_modules=("plugins.blue",))
    found = modules_found_by_name(excluding, environment_of(own, plugin))
    assert found == ("plugins.red", "tiny_app", "tiny_app.late")


def test_whole_distribution_adds_all_its_modules(settings: ReleaseSettings, tmp_path: Path) -> None:
    own = install(tmp_path, "tiny-app", ["tiny_app.py"])
    views = install(tmp_path, "views", ["views/__init__.py", "views/late.py", "views/page.html"])
    environment = environment_of(own, views)
    assert modules_found_by_name(settings, environment) == ("tiny_app",)
    whole = dataclasses.replace(settings, whole_distributions=("views",))
    assert modules_found_by_name(whole, environment) == ("tiny_app", "views", "views.late")


def test_entry_points_for_the_app_are_hidden_imports(settings: ReleaseSettings, tmp_path: Path) -> None:
    """Not those that only installers, build tools and test runners look up."""
    own = install(
        tmp_path,
        "tiny-app",
        ["tiny_app/__init__.py"],
        metadata={"entry_points.txt": "[tiny.plugins]\nred = backends.red:Red\n"},
    )
    groups = "[backends]\nblue = backends.blue:Blue\n[pytest11]\nb = backends.testing\n[distutils.x]\nc = backends.c\n"
    files = [f"backends/{name}.py" for name in ("__init__", "red", "blue", "testing", "c")]
    backends = install(tmp_path, "backends", files, metadata={"entry_points.txt": groups})
    found = modules_found_by_name(settings, environment_of(own, backends))
    assert found == ("backends.blue", "backends.red", "tiny_app")


def test_only_own_entry_point_may_name_missing_module(settings: ReleaseSettings, tmp_path: Path) -> None:
    """PyInstaller then logs that it wasn't found, and the freeze refuses that."""
    own = install(tmp_path, "tiny-app", ["tiny_app.py"], metadata={"entry_points.txt": "[a]\nb = tiny_gone\n"})
    of_extra = {"entry_points.txt": "[a]\nb = other.extra:main [extra]\n"}
    other = install(tmp_path, "other", ["other/__init__.py"], metadata=of_extra)
    assert modules_found_by_name(settings, environment_of(own, other)) == ("tiny_app", "tiny_gone")


def test_locked_time_zone_data_is_a_hidden_import(settings: ReleaseSettings, tmp_path: Path) -> None:
    own = install(tmp_path, "tiny-app", ["tiny_app.py"])
    data = install(tmp_path, "tzdata", ["tzdata/__init__.py"])
    assert modules_found_by_name(settings, environment_of(own)) == ("tiny_app",)
    assert modules_found_by_name(settings, environment_of(own, data)) == ("tiny_app", "tzdata")
