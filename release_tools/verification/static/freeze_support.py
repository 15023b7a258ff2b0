"""Checks that the executable can run as a worker process of `multiprocessing`, which starts it again."""

import marshal
from typing import Final

from release_tools.binaries.code_objects import blocks_of
from release_tools.binaries.payload import Payload
from release_tools.verification.check import CheckFailedError, VerificationContext

_GUARD: Final = "freeze_support"


def check_freeze_support(context: VerificationContext) -> str:
    """If `multiprocessing` is bundled, the main script calls `freeze_support`; without it, workers run the app."""
    payload = Payload(context.executable)
    if "multiprocessing" not in payload.module_sizes:
        return "multiprocessing is not bundled"
    script = payload.main_script
    content = payload.read(script)
    # A downloaded executable's code is only searched: `marshal` isn't safe on untrusted data.
    is_called = _uses_guard(content) if context.evidence else _GUARD.encode() in content
    if not is_called:
        raise CheckFailedError(
            f"{script.name} doesn't call multiprocessing.{_GUARD}(), so each worker process would run the app and "
            "start more workers",
            f"call multiprocessing.{_GUARD}() first in the main script, as the launcher from freeze/plan.py does",
        )
    return f"{_GUARD} is called"


def _uses_guard(content: bytes) -> bool:
    code = marshal.loads(content)  # noqa: S302 - made by this build
    return any(_GUARD in block.co_names for block in blocks_of(code))
