"""`completion`: prints a shell's completion script for all commands and options."""

import argparse
from pathlib import Path

from agent_runner.output import Reporter


def print_completion(parser: argparse.ArgumentParser, shell: str, reporter: Reporter) -> None:
    """Write the script for bash, zsh or fish."""
    import shtab

    for action in _actions(parser):
        if action.type is Path:
            # What shtab reads, which argparse doesn't know.
            vars(action)["complete"] = shtab.DIRECTORY if action.dest == "directory" else shtab.FILE
    reporter.answer(shtab.complete(parser, shell).rstrip() + "\n")


def _actions(parser: argparse.ArgumentParser) -> list[argparse.Action]:
    found = list(parser._actions)  # noqa: SLF001 - argparse has no other way to ask
    for action in parser._actions:  # noqa: SLF001
        if isinstance(action, argparse._SubParsersAction):  # noqa: SLF001
            for subparser in action.choices.values():
                found += _actions(subparser)
    return found
