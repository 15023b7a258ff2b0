from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from release_tools.distributions import InstalledDistribution
from release_tools.preflight.own_code import own_code_problems
from tests.release_tools.installed import environment_of, install

EntryPoints = Mapping[str, str]
FindProblems = Callable[..., list[str]]


@pytest.fixture
def problems_of(tmp_path: Path) -> FindProblems:
    """What's wrong with a project, given by its source files, or by the source of its only module, `tiny_app/cli.py`.

    `needs` are its dependencies with their scripts, `tools` the modules of the build's tools.
    """

    def find(
        files: Mapping[str, str] | str,
        *,
        scripts: EntryPoints | None = None,
        needs: Mapping[str, EntryPoints] | None = None,
        tools: tuple[str, ...] = (),
    ) -> list[str]:
        sources = {"tiny_app/cli.py": files} if isinstance(files, str) else files
        project = install(tmp_path, "tiny-app", sources, metadata={"entry_points.txt": _entry_points(scripts or {})})
        requirements = "".join(f"Requires-Dist: {name}\n" for name in needs or {})
        with (project.metadata_folder / "METADATA").open("a", encoding="utf-8") as metadata:
            metadata.write(requirements)
        dependencies = [_dependency(tmp_path, name, points) for name, points in (needs or {}).items()]
        installed = environment_of(
            project, *dependencies, tools=[install(tmp_path, f"{name}-tool", [f"{name}.py"]) for name in tools]
        )
        return [f"{problem.what}\n{problem.hint}" for problem in own_code_problems(installed, "tiny")]

    return find


def _dependency(site: Path, name: str, scripts: EntryPoints) -> InstalledDistribution:
    files = [f"{name}/__init__.py", f"{name}/__main__.py"]
    return install(site, name, files, metadata={"entry_points.txt": _entry_points(scripts)})


def _entry_points(scripts: EntryPoints) -> str:
    return "\n".join(["[console_scripts]", *(f"{name} = {value}" for name, value in scripts.items())])
