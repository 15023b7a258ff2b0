import importlib.util
import sys
import sysconfig
from pathlib import Path
from typing import Any

import pytest

from release_tools.freeze.sysconfig_data import PLACEHOLDER, python_folders, without_folders, write_neutral_data

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Python on Windows has no sysconfig data module")


def data_at(path: Path) -> dict[str, Any]:
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    variables: dict[str, Any] = module.build_time_vars
    return variables


def written_data(folder: Path) -> Path:
    (path,) = write_neutral_data(folder).iterdir()
    return path


def pretend_python(monkeypatch: pytest.MonkeyPatch, home: Path, libraries: str = "lib") -> None:
    """Pretend that uv installed Python in this home: `sys.base_prefix` is a link, and the data names its target."""
    installed = home / "python" / "cpython-3.13.5"
    installed.mkdir(parents=True)
    link = home / "python" / "cpython-3.13"
    link.symlink_to(installed)
    variables = {
        "prefix": str(installed),
        "exec_prefix": str(installed),
        "CONFIG_ARGS": f"'--prefix={installed}' 'LDFLAGS=-L{link}/lib'",
        "LIBDIR": f"{installed}/{libraries}",
        "TZPATH": "/usr/share/zoneinfo:/usr/lib/zoneinfo",
        "EXT_SUFFIX": ".cpython-313-x86_64-linux-gnu.so",
        "SIZEOF_VOID_P": 8,
    }
    module = type(sys)("_sysconfigdata_pretended")
    module.build_time_vars = variables  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, module.__name__, module)
    monkeypatch.setattr(sysconfig, "_get_sysconfigdata_name", lambda: module.__name__)
    for name in ("base_prefix", "base_exec_prefix"):
        monkeypatch.setattr(sys, name, str(link))


def test_two_users_get_equal_data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    written = []
    for user in ("anna", "bob"):
        pretend_python(monkeypatch, tmp_path / user)
        written.append(written_data(tmp_path / user / "neutral").read_bytes())
    assert written[0] == written[1]
    assert str(tmp_path).encode() not in written[0]


def test_other_variables_are_unchanged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pretend_python(monkeypatch, tmp_path)
    variables = data_at(written_data(tmp_path / "neutral"))
    assert variables["TZPATH"] == "/usr/share/zoneinfo:/usr/lib/zoneinfo"
    assert variables["EXT_SUFFIX"] == ".cpython-313-x86_64-linux-gnu.so"
    assert variables["SIZEOF_VOID_P"] == 8
    assert variables["LIBDIR"] == f"{PLACEHOLDER}/lib"


def test_data_of_the_running_python_is_cleaned(tmp_path: Path) -> None:
    path = written_data(tmp_path / "neutral")
    assert path.stem == sysconfig._get_sysconfigdata_name()  # type: ignore[attr-defined]
    variables = data_at(path)
    assert variables.keys() <= sysconfig.get_config_vars().keys()
    texts = [value for value in variables.values() if isinstance(value, str)]
    assert [text for text in texts for folder in python_folders({}) if f"{folder}/" in text] == []


def test_system_folders_are_kept() -> None:
    assert not {"/usr", "/usr/local"} & python_folders({"prefix": "/usr", "exec_prefix": "/usr/local"})


def test_folder_with_the_same_prefix_is_kept() -> None:
    variables = {"a": "/opt/python-dev/lib /opt/python/lib", "b": "/opt/python"}
    neutral = {"a": f"/opt/python-dev/lib {PLACEHOLDER}/lib", "b": PLACEHOLDER}
    assert without_folders(variables, {"/opt/python"}) == neutral
