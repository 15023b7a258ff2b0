import dataclasses
from pathlib import Path

from release_tools.freeze.hidden_imports import modules_found_by_name, namespace_modules, without_excluded
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


def test_only_entry_points_for_the_app_are_hidden_imports(settings: ReleaseSettings, tmp_path: Path) -> None:
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
    own = install(tmp_path, "tiny-app", ["tiny_app.py"], metadata={"entry_points.txt": "[a]\nb = tiny_gone\n"})
    of_extra = {"entry_points.txt": "[a]\nb = other.extra:main [extra]\n"}
    other = install(tmp_path, "other", ["other/__init__.py"], metadata=of_extra)
    assert modules_found_by_name(settings, environment_of(own, other)) == ("tiny_app", "tiny_gone")


def test_locked_time_zone_data_is_a_hidden_import(settings: ReleaseSettings, tmp_path: Path) -> None:
    own = install(tmp_path, "tiny-app", ["tiny_app.py"])
    data = install(tmp_path, "tzdata", ["tzdata/__init__.py"])
    assert modules_found_by_name(settings, environment_of(own)) == ("tiny_app",)
    assert modules_found_by_name(settings, environment_of(own, data)) == ("tiny_app", "tzdata")


def test_plugins_of_two_distributions_are_all_bundled(tmp_path: Path) -> None:
    one = install(tmp_path, "one", ["plugins/red.py", "one/__init__.py", "one/cli.py"])
    two = install(tmp_path, "two", ["plugins/blue/__init__.py", "plugins/blue/deep.py", "plugins/blue/data.json"])
    assert namespace_modules([one, two]) == ("plugins.blue", "plugins.blue.deep", "plugins.red")


def test_nested_namespace_is_bundled_whole(tmp_path: Path) -> None:
    cloud = install(tmp_path, "cloud", ["vendor/cloud/storage/__init__.py", "vendor/cloud/storage/blobs.py"])
    assert namespace_modules([cloud]) == ("vendor.cloud.storage", "vendor.cloud.storage.blobs")


def test_folder_in_regular_package_is_no_namespace(tmp_path: Path) -> None:
    regular = install(tmp_path, "numeric", ["numeric/__init__.py", "numeric/core.py", "numeric/tests/test_core.py"])
    assert namespace_modules([regular]) == ()


def test_folder_shared_by_two_distributions_is_a_namespace(tmp_path: Path) -> None:
    base = install(tmp_path, "base", ["base/__init__.py", "base/plugins/first.py"])
    more = install(tmp_path, "more", ["base/plugins/second.py"])
    assert namespace_modules([base, more]) == ("base.plugins.first", "base.plugins.second")


def test_one_init_makes_the_package_regular(tmp_path: Path) -> None:
    base = install(tmp_path, "base", ["base/__init__.py"])
    more = install(tmp_path, "more", ["base/addition.py"])
    assert namespace_modules([base, more]) == ()


def test_stubs_templates_and_libraries_are_not_modules(tmp_path: Path) -> None:
    files = ("space/a.pyi", "space/{{name}}/b.py", "space/c-d.py", "space/libz.so", "space.libs/e.py", "space/real.py")
    assert namespace_modules([install(tmp_path, "odd", files)]) == ("space.real",)


def test_folder_in_pth_file_is_no_namespace(tmp_path: Path) -> None:
    pth = "# added to sys.path\nplatform\nplatform\\lib\n\nimport bootstrap\n"
    (tmp_path / "platform.pth").write_text(pth, encoding="utf-8")
    files = ("platform.pth", "platform/api.py", "platform/lib/con.py", "platforms/red.py")
    assert namespace_modules([install(tmp_path, "platform", files)]) == ("platforms.red",)


def test_excluded_modules_and_packages_stay_out() -> None:
    modules = ("a", "a.b", "a.b.c", "ab")
    assert without_excluded(modules, ["a.b"]) == ("a", "ab")
    assert without_excluded(modules, []) == modules
