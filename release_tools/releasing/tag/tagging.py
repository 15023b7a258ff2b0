"""Carries out the plan of a release: the annotated tag, then the push of that tag alone.

Each step leaves something that the next run of the same command finds and goes on from.
"""

from collections.abc import Callable
from pathlib import Path

from release_tools.errors import ProgramEndedError
from release_tools.processes.run import run
from release_tools.releasing.errors import TagNotMadeError, TagNotPushedError
from release_tools.releasing.git_state import read_remote
from release_tools.releasing.tag.release_plan import ReleasePlan


def carry_out(plan: ReleasePlan, root: Path, executable: str, say: Callable[[str], None]) -> None:
    """Make and push the tag, as far as that is left to do, and ask the remote whether it has it.

    Raises `TagNotMadeError` or `TagNotPushedError`.
    """
    if plan.must_tag:
        say(f"tagging {plan.commit[:7]} as {plan.tag}")
        _create_tag(plan, root, f"{executable} {plan.version}")
    if plan.must_push:
        say(f"pushing {plan.tag} to {plan.remote}")
        _push_tag(plan, root)
    else:
        say(f"{plan.tag} is on {plan.remote} already")


def _create_tag(plan: ReleasePlan, root: Path, message: str) -> None:
    # By its id, so that a commit made meanwhile is not tagged. Git itself signs it where the person's settings say so,
    # and may ask for a passphrase, so it talks to the terminal.
    try:
        run(["git", "tag", "--annotate", f"--message={message}", plan.tag, plan.commit], cwd=root)
    except ProgramEndedError:
        raise TagNotMadeError(plan.tag) from None


def _push_tag(plan: ReleasePlan, root: Path) -> None:
    reference = f"refs/tags/{plan.tag}"
    # Whatever the person's settings add to a push, only this tag leaves the machine.
    options = ["--no-follow-tags", "--recurse-submodules=no"]
    try:
        run(["git", "push", *options, "--", plan.remote, f"{reference}:{reference}"], cwd=root)
    except ProgramEndedError:
        raise TagNotPushedError(plan.tag, plan.remote) from None
    arrived = read_remote(root, plan.remote, plan.branch).tags
    if not any(tag.name == plan.tag and tag.commit == plan.commit for tag in arrived):
        raise TagNotPushedError(plan.tag, plan.remote)
