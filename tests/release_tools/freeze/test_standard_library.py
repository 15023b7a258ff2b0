import zipfile
from pathlib import Path

import pytest

from release_tools.freeze.standard_library import modules_in_base_library, pure_modules, with_sorted_base_library


@pytest.mark.parametrize(
    "module", ["json", "json.tool", "dbm.sqlite3", "wave", "xml.etree.ElementTree", "ctypes.wintypes"]
)
def test_modules_of_the_standard_library_are_listed(module: str) -> None:
    path = pure_modules()[module]
    assert path.is_file()
    assert path.suffix == ".py"


@pytest.mark.parametrize("top", ["tkinter", "idlelib", "test", "ensurepip", "site-packages", "pip", "this"])
def test_tests_editors_and_installed_packages_are_not(top: str) -> None:
    assert not [module for module in pure_modules() if module.partition(".")[0] == top]


def test_modules_of_the_base_library_are_named(tmp_path: Path) -> None:
    library = tmp_path / "base_library.zip"
    with zipfile.ZipFile(library, "w") as opened:
        for name in ("os.pyc", "encodings/__init__.pyc", "encodings/utf_8.pyc"):
            opened.writestr(name, b"")
    datas = [("a.txt", "", "DATA"), ("base_library.zip", str(library), "DATA")]
    assert modules_in_base_library(datas) == {"os", "encodings", "encodings.utf_8"}
    assert modules_in_base_library([]) == set()


def test_base_library_has_the_same_bytes_in_any_order(tmp_path: Path) -> None:
    written = []
    for index, names in enumerate((("os.pyc", "abc.pyc"), ("abc.pyc", "os.pyc"))):
        library = tmp_path / f"{index}.zip"
        with zipfile.ZipFile(library, "w") as opened:
            for name in names:
                opened.writestr(zipfile.ZipInfo(name), name)
        datas = [("base_library.zip", str(library), "DATA"), ("a.txt", "a", "DATA")]
        (sorted_entry, other) = with_sorted_base_library(datas, tmp_path / f"sorted {index}")
        assert other == ("a.txt", "a", "DATA")
        written.append(Path(sorted_entry[1]).read_bytes())
    assert written[0] == written[1]
