"""Asks the user whether a tool call may go ahead, on the terminal and never through standard input."""

import asyncio
import os
import sys
import threading
from pathlib import Path
from typing import Final

from agent_runner.output import replace_control_chars

_NOBODY_TO_ASK: Final = "this needs the user's approval, and there's no terminal to ask on; the user can pass --yes"


class Approver:
    """Asks on the terminal, or approves everything (`--yes`)."""

    def __init__(self, *, approves_all: bool = False) -> None:
        self._approves_all = approves_all
        self._approved: set[str] = set()
        self._lock: asyncio.Lock | None = None

    async def refusal(self, action: str) -> str | None:
        """Return None if the user approves of the action, otherwise why it's refused."""
        if self._approves_all or action in self._approved:
            return None
        # Created in the running loop; parallel calls ask one after the other.
        self._lock = self._lock or asyncio.Lock()
        async with self._lock:
            if action in self._approved:
                return None
            answer = await _ask(action)
            if answer is None:
                return _NOBODY_TO_ASK
            if answer in ("a", "always"):
                self._approved.add(action)
            return None if answer in ("y", "yes", "a", "always") else "the user refused"


async def _ask(action: str) -> str | None:
    """Return the answer in lower case; None without a terminal."""
    loop = asyncio.get_running_loop()
    answered: asyncio.Future[str | None] = loop.create_future()

    def settle(answer: str | None) -> None:
        if not answered.done():
            answered.set_result(answer)

    def read() -> None:
        answer = _ask_on_terminal(action)
        try:
            loop.call_soon_threadsafe(settle, answer)
        except RuntimeError:
            # The run ended while the question was open.
            return

    # A daemon, because an open question must not keep the program from exiting.
    threading.Thread(target=read, daemon=True).start()
    return await answered


def _ask_on_terminal(action: str) -> str | None:
    name = "CONIN$" if sys.platform == "win32" else "/dev/tty"
    shown = replace_control_chars(action).replace("\n", "\n    ")
    try:
        with Path(name).open(encoding="utf-8", errors="replace") as terminal:
            # In the background, reading from the terminal would stop the program.
            if not sys.stderr.isatty() or (sys.platform != "win32" and os.tcgetpgrp(terminal.fileno()) != os.getpgrp()):
                return None
            print(f"allow the agent to {shown}\n  [y]es, [a]lways, [N]o? ", end="", file=sys.stderr, flush=True)
            return terminal.readline().strip().casefold()
    except (OSError, ValueError):
        return None
