"""Records which modules the app's scenarios import, in which order, from source.

`freeze/import_order.py` says what that's for.
"""

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from release_tools.benchmark.builds import launcher_code
from release_tools.benchmark.scenarios import VERSION, read_benchmarks, running_service
from release_tools.benchmark.starts import Starter
from release_tools.bootstrap.environment import environment_python
from release_tools.errors import NoScenariosError, NothingToMeasureError
from release_tools.freeze.import_order import import_order_path, write_import_order
from release_tools.platforms import Platform
from release_tools.settings import ReleaseSettings

# Modules are in `sys.modules` in the order in which their imports began. Frozen programs bundle all but built-in ones.
_RECORDER: Final = """\
import atexit, sys

def record(path=sys.argv.pop(1), loaded=sys.modules):
    specs = [getattr(module, "__spec__", None) for module in [*loaded.values()]]
    names = [spec.name for spec in specs if spec is not None and spec.origin != "built-in"]
    with open(path, "w", encoding="utf-8") as file:
        file.write("\\n".join(dict.fromkeys(names)))

atexit.register(record)
"""


def record_import_order(settings: ReleaseSettings, platform: Platform, report: Callable[[str], None]) -> Path:
    """Run every scenario in the environment of the last build, and write the order beside them; returns the file.

    Raises `NoScenariosError` without `benchmarks` in the settings, `NothingToMeasureError` without a build, and
    `CommandFailedError` if a scenario fails.
    """
    path = import_order_path(settings)
    if path is None:
        raise NoScenariosError
    build = settings.build_folder(platform.name)
    python = environment_python(build / "environment")
    if not python.is_file():
        raise NothingToMeasureError(platform.name)
    with TemporaryDirectory(prefix="imports-", dir=build) as scratch:
        names = dict.fromkeys(_imported(settings, platform, python, Path(scratch), report))
    write_import_order(path, names)
    return path


def _imported(
    settings: ReleaseSettings, platform: Platform, python: Path, scratch: Path, report: Callable[[str], None]
) -> Iterator[str]:
    benchmarks = read_benchmarks(settings)
    starter = Starter(benchmarks=benchmarks, platform=platform, scratch=scratch, variables={})
    record = scratch / "modules.txt"
    command = [str(python), "-c", _RECORDER + launcher_code(settings), str(record)]
    with running_service(benchmarks, starter.environment()) as variables:
        starter = replace(starter, variables=variables)
        for scenario in (VERSION, *benchmarks.scenarios):
            report(f"imports: {scenario.name}")
            starter.seconds(command, scenario)
            yield from record.read_text(encoding="utf-8").splitlines()
