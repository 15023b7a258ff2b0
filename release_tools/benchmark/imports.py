"""Records which modules the app's scenarios import, in which order, in the program that the last build froze.

From source it may be others: some packages read their own source, to import less. `freeze/import_order.py` says what
the order is for.
"""

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from release_tools.archives import newest_archive, unpack_archive
from release_tools.benchmark.builds import launcher_code
from release_tools.benchmark.scenarios import VERSION, read_benchmarks, running_service
from release_tools.benchmark.starts import Starter
from release_tools.errors import NoScenariosError
from release_tools.freeze.import_order import import_order_path, write_import_order
from release_tools.freeze.runtime.interpreter import DEPTH_VARIABLE
from release_tools.platforms import Platform
from release_tools.settings import ReleaseSettings

# The modules that it starts with, then every name that's asked for, because the code of a module is read even if its
# import fails. Frozen programs bundle all but built-in ones.
_RECORDER: Final = """\
import atexit, sys

class Asked:
    names = {}

    @classmethod
    def find_spec(cls, name, path=None, target=None):
        cls.names[name] = None

def record(path=sys.argv.pop(1), loaded=[*sys.modules.values()]):
    specs = [getattr(module, "__spec__", None) for module in loaded]
    names = [spec.name for spec in specs if spec is not None]
    with open(path, "w", encoding="utf-8") as file:
        file.write("\\n".join(name for name in dict.fromkeys([*names, *Asked.names]) if name not in built_in))

built_in = frozenset(sys.builtin_module_names)
atexit.register(record)
sys.meta_path.insert(0, Asked)
"""


def record_import_order(settings: ReleaseSettings, platform: Platform, report: Callable[[str], None]) -> Path:
    """Run every scenario with the newest archive's program, and write the order beside them; returns the file.

    Raises `NoScenariosError` without `benchmarks` in the settings, `NothingToMeasureError` without an archive,
    `UnsafeArchiveError` for a damaged one, and `CommandFailedError` if a scenario fails.
    """
    path = import_order_path(settings)
    if path is None:
        raise NoScenariosError
    archive = newest_archive([settings.dist_folder], settings.executable, platform)
    build = settings.build_folder(platform.name)
    build.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(prefix="imports-", dir=build) as scratch:
        unpack_archive(archive, Path(scratch, "program"))
        program = Path(scratch, "program", f"{settings.executable}{platform.executable_suffix}")
        names = dict.fromkeys(_imported(settings, platform, program, Path(scratch), report))
    write_import_order(path, names)
    return path


def _imported(
    settings: ReleaseSettings, platform: Platform, program: Path, scratch: Path, report: Callable[[str], None]
) -> Iterator[str]:
    benchmarks = read_benchmarks(settings)
    starter = Starter(benchmarks=benchmarks, platform=platform, scratch=scratch, variables={})
    record = scratch / "modules.txt"
    command = [str(program), "-c", _RECORDER + launcher_code(settings), str(record)]
    with running_service(benchmarks, starter.environment()) as variables:
        # A program that started itself takes `-c` as Python does.
        starter = replace(starter, variables={DEPTH_VARIABLE: "1", **variables})
        for scenario in (VERSION, *benchmarks.scenarios):
            report(f"imports: {scenario.name}")
            starter.seconds(command, scenario)
            yield from record.read_text(encoding="utf-8").splitlines()
