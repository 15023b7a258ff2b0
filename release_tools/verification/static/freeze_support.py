"""The check that worker processes of `multiprocessing` can work: they are the executable, started once more."""

import marshal
from collections.abc import Iterator
from types import CodeType
from typing import Final

from release_tools.binaries.payload import Payload
from release_tools.verification.check import CheckFailedError, VerificationContext

_GUARD: Final = "freeze_support"


def check_worker_processes(context: VerificationContext) -> str:
    """Where `multiprocessing` is bundled, the main script calls `freeze_support`; without it, workers run the app."""
    payload = Payload(context.executable)
    if "multiprocessing" not in payload.module_sizes:
        return "multiprocessing is not bundled"
    script = payload.main_script
    content = payload.read(script)
    # Code from elsewhere is searched only: marshal trusts what it reads.
    is_called = _names_guard(content) if context.evidence else _GUARD.encode() in content
    if not is_called:
        raise CheckFailedError(
            f"the script {script.name} does not call multiprocessing.{_GUARD}(): each worker process would start the "
            "app again, and that one more workers, without end",
            f"call multiprocessing.{_GUARD}() as the first thing; the launcher that the freeze writes does",
        )
    return f"{_GUARD} is called"


def _names_guard(content: bytes) -> bool:
    code = marshal.loads(content)  # noqa: S302 - made by this build
    return any(_GUARD in block.co_names for block in _blocks(code))


def _blocks(code: CodeType) -> Iterator[CodeType]:
    yield code
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _blocks(constant)
