import importlib.metadata
import sys
from importlib.machinery import EXTENSION_SUFFIXES
from pathlib import Path

import pytest

from release_tools.distributions import (
    MACHINE_SPECIFIC_FILES,
    applies_here,
    license_texts,
    locked_here,
    metadata_files,
    module_name,
    own_data_files,
    own_files,
    own_modules,
    own_packages,
    python_license,
)
from release_tools.freeze.licenses import third_party_licenses
from release_tools.lockfile import LockedPackage, LockFile

WHEEL_FILES = {
    "tiny_app/__init__.py": "",
    "tiny_app/cli.py": "",
    "tiny_app/plugins/__init__.py": "",
    "tiny_app/plugins/late.py": "",
    "tiny_app/texts/hello.txt": "hello",
    "tiny_app/texts/{{name}}/main.py": "print({{greeting}})",
    "tiny_app/fast.abi3.so": "",
    "tiny_app/__pycache__/cli.cpython-313.pyc": "",
    "tiny_app-1.2.3.dist-info/METADATA": "Name: tiny-app\nVersion: 1.2.3\nLicense-Expression: MIT\n",
    "tiny_app-1.2.3.dist-info/licenses/LICENSE": "tiny terms",
    "tiny_app-1.2.3.dist-info/direct_url.json": '{"url": "file:///somewhere/private"}',
    "tiny_app-1.2.3.dist-info/RECORD": "",
}


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder on the path with one installed distribution, `tiny-app`."""
    for name, text in WHEEL_FILES.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    record = "".join(f"{name},,\n" for name in (*WHEEL_FILES, "../../../bin/tiny"))
    (tmp_path / "tiny_app-1.2.3.dist-info" / "RECORD").write_text(record, encoding="utf-8")
    monkeypatch.syspath_prepend(str(tmp_path))
    return tmp_path


@pytest.mark.usefixtures("site")
def test_every_module_of_the_project_is_named_also_those_that_nothing_imports() -> None:
    assert own_packages("tiny-app") == ("tiny_app",)
    assert own_modules("tiny-app") == ("tiny_app", "tiny_app.cli", "tiny_app.plugins", "tiny_app.plugins.late")


def test_every_other_file_of_the_project_keeps_its_folder(site: Path) -> None:
    """Data, templates that only look like modules, and extension modules, which the frozen program loads as files."""
    assert own_data_files("tiny-app") == (
        (str(site / "tiny_app/fast.abi3.so"), "tiny_app"),
        (str(site / "tiny_app/texts/hello.txt"), "tiny_app/texts"),
        (str(site / "tiny_app/texts/{{name}}/main.py"), "tiny_app/texts/{{name}}"),
    )


@pytest.mark.usefixtures("site")
def test_own_files_are_what_the_wheel_holds_without_metadata_caches_and_start_scripts() -> None:
    assert own_files("tiny-app") == (
        "tiny_app/__init__.py",
        "tiny_app/cli.py",
        "tiny_app/fast.abi3.so",
        "tiny_app/plugins/__init__.py",
        "tiny_app/plugins/late.py",
        "tiny_app/texts/hello.txt",
        "tiny_app/texts/{{name}}/main.py",
    )


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
def test_a_module_has_the_name_it_is_imported_by(path: str, name: str | None) -> None:
    assert module_name(path) == name


@pytest.mark.usefixtures("site")
def test_metadata_and_licenses_are_taken_without_what_names_the_build_machine() -> None:
    pairs = metadata_files([importlib.metadata.distribution("tiny-app")])
    assert [(Path(source).name, folder) for source, folder in pairs] == [
        ("METADATA", "tiny_app-1.2.3.dist-info"),
        ("LICENSE", "tiny_app-1.2.3.dist-info/licenses"),
    ]
    assert {"RECORD", "direct_url.json"} <= set(MACHINE_SPECIFIC_FILES)


@pytest.mark.usefixtures("site")
def test_third_party_licenses_name_every_distribution_with_its_text() -> None:
    tiny = importlib.metadata.distribution("tiny-app")
    assert license_texts(tiny) == (("licenses/LICENSE", "tiny terms"),)
    text = third_party_licenses([tiny], "3.13.0", importlib.metadata.distribution("pyinstaller"))
    for part in (
        "Python 3.13.0",
        "PYTHON SOFTWARE FOUNDATION LICENSE",
        "PyInstaller 6.",
        "tiny-app 1.2.3",
        "tiny terms",
    ):
        assert part in text


def test_a_distribution_without_a_license_file_is_listed_with_what_it_states(site: Path) -> None:
    (site / "tiny_app-1.2.3.dist-info/licenses/LICENSE").unlink()
    tiny = importlib.metadata.distribution("tiny-app")
    text = third_party_licenses([tiny], "3.13.0", importlib.metadata.distribution("pyinstaller"))
    assert "License: MIT (the distribution carries no license file)" in text


def test_the_license_of_python_is_the_installed_one() -> None:
    assert "PYTHON SOFTWARE FOUNDATION LICENSE" in python_license()


def test_markers_are_decided_for_the_running_interpreter() -> None:
    assert applies_here("")
    assert applies_here(f"sys_platform == '{sys.platform}'")
    assert not applies_here("sys_platform == 'emscripten'")


def test_an_extra_that_nobody_asked_for_is_not_needed_here() -> None:
    package = LockedPackage(
        name="a", version="1", groups=frozenset({"main"}), markers=(("main", 'extra == "x"'),), hashes=(), file_names=()
    )
    assert locked_here(LockFile(path=Path("poetry.lock"), packages=(package,), content_hash=""), ["main"]) == {}
