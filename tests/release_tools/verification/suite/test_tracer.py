"""The tracer of one process, while the process has several threads."""

import importlib.util
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

from release_tools.verification.suite import source_trace


@pytest.fixture(scope="module")
def tracer_module() -> ModuleType:
    path = Path(source_trace.__file__).with_name("tracing") / "release_tools_tracer.py"
    spec = importlib.util.spec_from_file_location("release_tools_tracer", path)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class Shared(dict[str, list[tuple[str, str]]]):
    """A dictionary from which another thread removes an entry after it was listed."""

    def __iter__(self) -> Iterator[str]:
        return iter([*super().keys(), "gone", "json"])


@pytest.mark.parametrize("loaded", [{}, {"gone": ModuleType("gone")}])
def test_module_that_another_thread_has_finished_is_no_error(
    tracer_module: ModuleType, loaded: dict[str, ModuleType], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tracer_module, "FOLDER", "/nonexistent")
    tracer = tracer_module.Tracer("/nonexistent/", "", (), ())
    for name, module in loaded.items():
        monkeypatch.setitem(sys.modules, name, module)
    tracer.loading = Shared({"json": [("json", "")]})
    tracer.record_modules()
    assert not dict.keys(tracer.loading)
