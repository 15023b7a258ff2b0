"""Namespace packages are bundled whole, and nothing else is mistaken for one."""

from pathlib import Path

from release_tools.freeze.namespace_packages import namespace_modules, without_excluded
from tests.release_tools.installed import install


def test_plugins_of_two_distributions_are_all_bundled(tmp_path: Path) -> None:
    one = install(tmp_path, "one", ["plugins/red.py", "one/__init__.py", "one/cli.py"])
    two = install(tmp_path, "two", ["plugins/blue/__init__.py", "plugins/blue/deep.py", "plugins/blue/data.json"])
    assert namespace_modules([one, two]) == ("plugins.blue", "plugins.blue.deep", "plugins.red")


def test_nested_namespace_is_bundled_whole(tmp_path: Path) -> None:
    cloud = install(tmp_path, "cloud", ["vendor/cloud/storage/__init__.py", "vendor/cloud/storage/blobs.py"])
    assert namespace_modules([cloud]) == ("vendor.cloud.storage", "vendor.cloud.storage.blobs")


def test_folder_without_init_in_regular_package_is_none(tmp_path: Path) -> None:
    regular = install(tmp_path, "numeric", ["numeric/__init__.py", "numeric/core.py", "numeric/tests/test_core.py"])
    assert namespace_modules([regular]) == ()


def test_folder_shared_by_two_distributions_is_one(tmp_path: Path) -> None:
    base = install(tmp_path, "base", ["base/__init__.py", "base/plugins/first.py"])
    more = install(tmp_path, "more", ["base/plugins/second.py"])
    assert namespace_modules([base, more]) == ("base.plugins.first", "base.plugins.second")


def test_one_init_makes_the_package_regular(tmp_path: Path) -> None:
    base = install(tmp_path, "base", ["base/__init__.py"])
    more = install(tmp_path, "more", ["base/addition.py"])
    assert namespace_modules([base, more]) == ()


def test_stubs_templates_and_libraries_are_no_modules(tmp_path: Path) -> None:
    files = ("space/a.pyi", "space/{{name}}/b.py", "space/c-d.py", "space/libz.so", "space.libs/e.py", "space/real.py")
    assert namespace_modules([install(tmp_path, "odd", files)]) == ("space.real",)


def test_folder_named_in_pth_file_is_none(tmp_path: Path) -> None:
    pth = "# what follows is on the path\nplatform\nplatform\\lib\n\nimport bootstrap\n"
    (tmp_path / "platform.pth").write_text(pth, encoding="utf-8")
    files = ("platform.pth", "platform/api.py", "platform/lib/con.py", "platforms/red.py")
    assert namespace_modules([install(tmp_path, "platform", files)]) == ("platforms.red",)


def test_excluded_modules_and_packages_stay_out() -> None:
    modules = ("a", "a.b", "a.b.c", "ab")
    assert without_excluded(modules, ["a.b"]) == ("a", "ab")
    assert without_excluded(modules, []) == modules
