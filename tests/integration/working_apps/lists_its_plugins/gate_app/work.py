"""Finds its plugins, a folder without `__init__.py`, in each of the usual ways."""

import glob
import importlib
import importlib.util
import os
from pathlib import Path

PLUGINS = Path(__file__).parent / "plugins"
NAMES = ["blue", "red"]


def work(*words: str) -> int:
    """Load the plugins by name and from their files."""
    folder = os.path.join(os.path.dirname(__file__), "plugins")
    assert sorted(path.stem for path in PLUGINS.glob("*.py")) == NAMES
    assert sorted(path.stem for path in PLUGINS.iterdir() if path.suffix == ".py") == NAMES
    assert sorted(name[:-3] for name in os.listdir(folder) if name.endswith(".py")) == NAMES
    assert sorted(entry.name[:-3] for entry in os.scandir(folder) if entry.name.endswith(".py")) == NAMES
    assert len(glob.glob(f"{folder}/*.py")) == len(NAMES)
    for name in NAMES:
        module = importlib.import_module(f"gate_app.plugins.{name}")
        spec = importlib.util.spec_from_file_location(name, PLUGINS / f"{name}.py")
        assert spec is not None
        assert spec.loader is not None
        loaded = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(loaded)
        assert loaded.color() == module.color()
    print("done", *words)
    return 0
