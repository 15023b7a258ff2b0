import dataclasses
import os
from importlib.machinery import EXTENSION_SUFFIXES
from pathlib import Path

import pytest

from release_tools.freeze import selection
from release_tools.freeze.selection import LeftOut, excluded_names, is_excluded_module, notes_on_left_out, select
from release_tools.settings import ReleaseSettings
from tests.release_tools.installed import environment_of, install

OWN = ["tiny_app/__init__.py", "tiny_app/late.py", "tiny_app/hello.txt"]
FAST = f"views/fast{EXTENSION_SUFFIXES[0]}"


def test_every_module_and_file_is_selected(settings: ReleaseSettings, tmp_path: Path) -> None:
    own = install(tmp_path, "tiny-app", OWN)
    mypyc = f"0fe1a__mypyc{EXTENSION_SUFFIXES[0]}"
    views = install(tmp_path, "views", ["views/__init__.py", "views/late.py", "views/page.html", FAST, mypyc])
    selected = select(settings, environment_of(own, views))
    assert selected.modules == ("tiny_app", "tiny_app.late", "views", "views.fast", "views.late")
    assert set(selected.files) == {"tiny_app/hello.txt", "views/page.html", mypyc}
    assert selected.files["views/page.html"] == str(tmp_path / "views/page.html")
    assert selected.left_out == ()


@pytest.mark.parametrize(
    "path",
    [
        "views/tests/__init__.py",
        "views/core/tests/data.csv",
        "views/Demos/a.txt",
        "tests/test_all.py",
        "views/page.pyi",
        "views/py.typed",
    ],
)
def test_tests_and_stubs_are_left_out(settings: ReleaseSettings, tmp_path: Path, path: str) -> None:
    own = install(tmp_path, "tiny-app", OWN)
    views = install(tmp_path, "views", ["views/__init__.py", "views/page.py", path])
    environment = environment_of(own, views)
    selected = select(settings, environment)
    assert "views" in selected.modules
    assert path not in selected.files
    assert [(one.name, one.count) for one in selected.left_out] == [("views", 1)]
    whole = select(dataclasses.replace(settings, whole_distributions=("views",)), environment)
    assert whole.left_out == ()
    assert len(whole.modules) + len(whole.files) == len(selected.modules) + len(selected.files) + 1


def test_stubs_that_the_program_reads_are_selected(settings: ReleaseSettings, tmp_path: Path) -> None:
    lazy = "import lazy_loader\n__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)\n"
    texts = {
        "checker/__init__.py": "",
        "checker/typeshed/os.pyi": "",
        "lazy/__init__.py": lazy,
        "lazy/__init__.pyi": "",
    }
    environment = environment_of(install(tmp_path, "tiny-app", OWN), install(tmp_path, "checker", texts))
    assert set(select(settings, environment).files) == {
        "tiny_app/hello.txt",
        "checker/typeshed/os.pyi",
        "lazy/__init__.pyi",
    }


def test_modules_of_large_distribution_are_left_to_the_analysis(
    settings: ReleaseSettings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(selection, "LARGE_SOURCE_BYTES", 100)
    files = {"sdk/__init__.py": "#" * 60, "sdk/client.py": "#" * 60, "sdk/table.json": "{}"}
    environment = environment_of(install(tmp_path, "tiny-app", OWN), install(tmp_path, "sdk", files))
    selected = select(settings, environment)
    assert not [module for module in selected.modules if module.startswith("sdk")]
    assert "sdk/table.json" in selected.files
    assert [(one.name, one.count) for one in selected.left_out] == [("sdk", 2)]
    whole = select(dataclasses.replace(settings, whole_distributions=("sdk",)), environment)
    assert {"sdk", "sdk.client"} <= set(whole.modules)


def test_each_rule_is_noted_once() -> None:
    left_out = [LeftOut(name=name, rule=rule, count=3) for name in "abcd" for rule in ("stubs", "tests")]
    stubs, tests = notes_on_left_out(left_out)
    assert "12 stubs" in stubs
    assert "12 tests" in tests
    assert "3 of a" in stubs
    assert "of d" not in stubs
    assert 'whole-distributions = ["a", "b", "c", "…"]' in stubs


def test_excluded_modules_and_their_files_are_left_out(settings: ReleaseSettings, tmp_path: Path) -> None:
    files = ["views/__init__.py", "views/red/__init__.py", "views/red/a.png", "views/blue.py", "views/blue_test.py"]
    environment = environment_of(install(tmp_path, "tiny-app", OWN), install(tmp_path, "views", files))
    excluding = dataclasses.replace(settings, exclude_modules=("views.red", "views.*_test"))
    selected = select(excluding, environment)
    assert selected.modules == ("tiny_app", "tiny_app.late", "views", "views.blue")
    assert set(selected.files) == {"tiny_app/hello.txt"}
    assert excluded_names(excluding.exclude_modules, environment) == ("views.red", "views.blue_test")
    assert excluded_names(["views.[b]*_test", "views.re?"], environment) == ("views.blue_test", "views.red")


def test_excluded_files_are_left_out(settings: ReleaseSettings, tmp_path: Path) -> None:
    files = ["views/__init__.py", "views/locale/de/a.mo", "views/locale/a.mo", "views/page.html"]
    environment = environment_of(install(tmp_path, "tiny-app", OWN), install(tmp_path, "views", files))
    selected = select(dataclasses.replace(settings, exclude_files=("views/locale/**", "*/hello.txt")), environment)
    assert set(selected.files) == {"views/page.html"}


def test_files_outside_site_packages_keep_their_place_below_the_prefix(
    settings: ReleaseSettings, tmp_path: Path
) -> None:
    up = "../.." if os.name == "nt" else "../../.."
    site = tmp_path.joinpath("env", *(["lib"] if os.name == "nt" else ["lib", "python3"]), "site-packages")
    texts = {f"{up}/share/views/a.txt": "a", f"{up}/bin/views": "#!python", f"{up}/include/views.h": ""}
    texts |= {f"{up}/bin/views-long": "#!/bin/sh\n'''exec' '/a folder/bin/python' \"$0\" \"$@\"\n' '''\n"}
    texts |= {f"{up}/bin/views-tool": "\x7fELF\nis found with python\n", f"{up}/bin/views.sh": "#!/bin/sh\n"}
    views = install(site, "views", {"views/__init__.py": "", **texts})
    selected = select(settings, environment_of(install(site, "tiny-app", OWN), views))
    programs = {"bin/views-tool", "bin/views.sh"}
    assert set(selected.files) == {"tiny_app/hello.txt", "share/views/a.txt", *programs}


def test_scripts_in_plain_folders_of_packages_are_files_too(settings: ReleaseSettings, tmp_path: Path) -> None:
    templates = {"views/templates/env.py", "views/templates/project/__init__.py"}
    files = ["views/__init__.py", *templates, "views/sub/__init__.py", "views/sub/a.py", "space/b.py"]
    environment = environment_of(install(tmp_path, "tiny-app", OWN), install(tmp_path, "views", files))
    assert set(select(settings, environment).files) == {"tiny_app/hello.txt", *templates}


def test_folder_in_pth_file_is_no_package(settings: ReleaseSettings, tmp_path: Path) -> None:
    pth = "# added to sys.path\nplatform\nplatform\\lib\n\nimport bootstrap\n"
    (tmp_path / "platform.pth").write_text(pth, encoding="utf-8")
    files = ("platform.pth", "platform/api.py", "platform/lib/con.py", "platforms/red.py")
    environment = environment_of(install(tmp_path, "tiny-app", OWN), install(tmp_path, "platform", files))
    assert select(settings, environment).modules == ("api", "con", "platforms.red", "tiny_app", "tiny_app.late")


def test_hidden_imports_are_selected(settings: ReleaseSettings, tmp_path: Path) -> None:
    environment = environment_of(install(tmp_path, "tiny-app", OWN))
    selected = select(dataclasses.replace(settings, hidden_imports=("tkinter",)), environment)
    assert selected.modules == ("tiny_app", "tiny_app.late", "tkinter")


def test_only_own_entry_point_may_name_missing_module(settings: ReleaseSettings, tmp_path: Path) -> None:
    own = install(tmp_path, "tiny-app", ["tiny_app.py"], metadata={"entry_points.txt": "[a]\nb = tiny_gone\n"})
    of_extra = {"entry_points.txt": "[a]\nb = other.extra:main [extra]\n"}
    other = install(tmp_path, "other", ["other/__init__.py"], metadata=of_extra)
    assert select(settings, environment_of(own, other)).modules == ("other", "tiny_app", "tiny_gone")


@pytest.mark.parametrize(
    ("module", "is_excluded"), [("a", False), ("a.b", True), ("a.b.c", True), ("ab", False), ("x.tests.y", True)]
)
def test_pattern_excludes_a_module_with_its_submodules(module: str, is_excluded: bool) -> None:
    assert is_excluded_module(module, ["a.b", "*.tests"]) == is_excluded
