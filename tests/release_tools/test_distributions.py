import base64
import hashlib
import os
import sys
from importlib.machinery import EXTENSION_SUFFIXES
from importlib.metadata import PackageNotFoundError
from pathlib import Path

import pytest

from release_tools.distributions import (
    MACHINE_SPECIFIC_FILES,
    InstalledDistribution,
    RecordedFile,
    applies_here,
    locked_here,
    module_name,
)
from release_tools.lockfile import LockedPackage, LockFile
from tests.release_tools.installed import environment_of, install

FILES = {
    "tiny_app/__init__.py": "",
    "tiny_app/cli.py": "",
    "tiny_app/plugins/__init__.py": "",
    "tiny_app/plugins/late.py": "",
    "tiny_app/texts/hello.txt": "hello",
    "tiny_app/texts/{{name}}/main.py": "print({{greeting}})",
    "tiny_app/fast.abi3.so": "",
    "tiny_app/__pycache__/cli.cpython-313.pyc": "",
    "../../../bin/tiny": "",
}


@pytest.fixture
def tiny(tmp_path: Path) -> InstalledDistribution:
    """An installed distribution of modules, data, metadata and a script outside of site-packages."""
    metadata = {"licenses/LICENSE": "tiny terms", "direct_url.json": '{"url": "file:///somewhere/private"}'}
    return install(tmp_path / "lib" / "python" / "site", "tiny-app", FILES, metadata=metadata)


def test_all_source_modules_are_named(tiny: InstalledDistribution) -> None:
    assert tiny.packages == ("tiny_app",)
    assert tiny.source_modules == ("tiny_app", "tiny_app.cli", "tiny_app.plugins", "tiny_app.plugins.late")
    assert set(tiny.modules) - set(tiny.source_modules) <= {"tiny_app.fast"}


def test_files_outside_site_packages_have_paths_below_the_prefix(tmp_path: Path) -> None:
    up = "../.." if os.name == "nt" else "../../.."
    site = tmp_path.joinpath(*(["lib"] if os.name == "nt" else ["lib", "python3"]), "site-packages")
    outside = ["share/a.txt", "bin/tool", "bin/started-by-entry-point", "include/a.h"]
    entry_points = {"entry_points.txt": "[console_scripts]\nstarted-by-entry-point = tiny_app:main\n"}
    files = [*(f"{up}/{path}" for path in outside), "../../../../../etc/passwd", f"{up}/share/../../x"]
    tiny = install(site, "tiny-app", files, metadata=entry_points)
    assert set(tiny.files_below_prefix) == {"share/a.txt", "bin/tool"}


def test_record_knows_the_content_of_a_file(tmp_path: Path) -> None:
    (file,) = install(tmp_path, "tiny-app", {"tiny_app.py": "pass"}).files
    assert file.size == 4
    assert file.has_content(b"pass")
    assert not file.has_content(b"pass\n")


@pytest.mark.parametrize("algorithm", ["sha384", "sha512"])
def test_record_may_have_longer_digests(algorithm: str) -> None:
    digest = base64.urlsafe_b64encode(hashlib.new(algorithm, b"pass").digest()).rstrip(b"=").decode()
    file = RecordedFile(path="a.py", digest=f"{algorithm}={digest}")
    assert file.has_content(b"pass")
    assert not file.has_content(b"pass\n")


@pytest.mark.parametrize("path", ["/etc/passwd", "C:/Windows/win.ini", "../../../../etc/passwd"])
def test_recorded_file_outside_of_the_environment_is_not_shipped(tmp_path: Path, path: str) -> None:
    tiny = install(tmp_path, "tiny-app", ["tiny_app.py", path])
    assert [file.path for file in tiny.files] == ["tiny_app.py"]
    assert tiny.files_below_prefix == {}


def test_direct_dependencies_are_those_of_the_metadata(tmp_path: Path) -> None:
    own = install(tmp_path, "tiny-app", ["tiny_app.py"])
    path = own.metadata_folder / "METADATA"
    required = 'Requires-Dist: Red.Views>=1\nRequires-Dist: windows-only; sys_platform == "none"\n'
    path.write_text(path.read_text(encoding="utf-8") + required, encoding="utf-8")
    views, other = install(tmp_path, "red-views", ["views.py"]), install(tmp_path, "other", ["other.py"])
    assert [one.name for one in environment_of(own, views, other).direct] == ["red-views", "tiny-app"]


def test_files_leave_out_metadata_caches_and_scripts(tiny: InstalledDistribution) -> None:
    assert {file.path for file in tiny.files} == {
        path for path in FILES if "__pycache__" not in path and not path.startswith("..")
    }
    assert "tiny_app-1.0.dist-info/METADATA" in {file.path for file in tiny.record}


def test_metadata_files_leave_out_machine_specific_ones(tiny: InstalledDistribution) -> None:
    assert [(Path(source).name, folder) for source, folder in tiny.metadata_files] == [
        ("METADATA", "tiny_app-1.0.dist-info"),
        ("LICENSE", "tiny_app-1.0.dist-info/licenses"),
    ]
    assert {"RECORD", "direct_url.json"} <= set(MACHINE_SPECIFIC_FILES)


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("a.py", "a"),
        ("a/__init__.py", "a"),
        ("a/b.py", "a.b"),
        (f"a/b{EXTENSION_SUFFIXES[0]}", "a.b"),
        ("a/b.pyi", None),
        ("a/b.txt", None),
        ("a-b/c.py", None),
        ("__init__.py", None),
    ],
)
def test_module_has_the_name_it_is_imported_by(path: str, name: str | None) -> None:
    assert module_name(path) == name


def test_environment_knows_what_only_the_tools_have(tmp_path: Path) -> None:
    tools = tmp_path / "tools"
    environment = environment_of(
        install(tmp_path, "tiny-app", ["tiny_app/__init__.py"]),
        install(tmp_path, "colors", ["colors/__init__.py", "shared/colors.py"]),
        tools=(
            install(tools, "freezer", ["freezer/__init__.py", "freezer/_vendor/x.py", "freezer_hack.py", "json.py"]),
            install(tools, "colors", ["colors/__init__.py", "shared/colors.py"], version="2.0"),
            install(tools, "plugin", ["shared/plugin.py"]),
        ),
    )
    assert environment.build_only == {"freezer", "plugin"}
    assert environment.build_only_modules == ("freezer", "freezer_hack", "shared.plugin")
    assert [one.label for one in environment.bundled] == ["colors 1.0", "tiny-app 1.0"]


def test_first_of_two_installations_counts(tmp_path: Path) -> None:
    first = install(tmp_path / "first", "tiny-app", ["tiny_app.py"], version="2.0")
    second = install(tmp_path / "second", "tiny-app", ["tiny_app.py"], version="1.0")
    assert environment_of(first, second).project.version == "2.0"


def test_missing_distribution_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(PackageNotFoundError):
        environment_of(install(tmp_path, "colors", [])).require("tiny-app")


def test_markers_are_evaluated_for_the_running_interpreter() -> None:
    assert applies_here("")
    assert applies_here(f"sys_platform == '{sys.platform}'")
    assert not applies_here("sys_platform == 'emscripten'")


def test_packages_of_unused_extras_are_not_needed() -> None:
    package = LockedPackage(
        name="a", version="1", groups=frozenset({"main"}), markers=(("main", 'extra == "x"'),), hashes=(), file_names=()
    )
    assert locked_here(LockFile(path=Path("poetry.lock"), packages=(package,), content_hash=""), ["main"]) == {}
