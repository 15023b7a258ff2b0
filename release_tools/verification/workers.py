"""The check that worker processes of `multiprocessing` can work: they are the executable, started once more."""

import marshal
from collections.abc import Iterator
from types import CodeType
from typing import Final

from release_tools.errors import ReleaseError
from release_tools.payload import Payload
from release_tools.verification.check import CheckFailedError, CheckSkippedError, Subject

_GUARD: Final = "freeze_support"


def check_worker_processes(subject: Subject) -> str:
    """Where `multiprocessing` is bundled, the main script calls `freeze_support`; without it, workers run the app."""
    try:
        payload = Payload(subject.executable)
        if "multiprocessing" not in payload.module_sizes:
            return "multiprocessing is not bundled"
        if not payload.is_of_running_python:
            raise CheckSkippedError("it holds code for another Python than the one that runs the checks")
        script = payload.main_script
        # Only read, never executed.
        code = marshal.loads(payload.read(script))  # noqa: S302
    except ReleaseError as error:
        raise CheckFailedError(error.what, error.hint) from None
    if not isinstance(code, CodeType) or not any(_GUARD in block.co_names for block in _blocks(code)):
        raise CheckFailedError(
            f"the script {script.name} does not call multiprocessing.{_GUARD}(): each worker process would start the "
            "app again, and that one more workers, without end",
            f"call multiprocessing.{_GUARD}() as the first thing; the launcher that the freeze writes does",
        )
    return f"{_GUARD} is called"


def _blocks(code: CodeType) -> Iterator[CodeType]:
    yield code
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _blocks(constant)
