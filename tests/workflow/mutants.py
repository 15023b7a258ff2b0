"""Every way to lose one thing of the release workflow: a key, an entry, a step, a part of a condition.

A run shows most of them. `unseen` lists the rest with its values, which `unseen.txt` repeats: keys that act doesn't
simulate.
"""

import copy
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import yaml

from release_tools.releasing.github.workflows import RELEASE_JOB, VERSION_JOB
from tests.workflow.runs import ACTION, REPOSITORY, WORKFLOW, Outcome, Scenario
from tests.workflow.scenarios import (
    BRANCH_PUSH,
    DISPATCH_OF_ALL,
    DISPATCH_ON_TAG,
    EMPTY,
    HOST,
    HOSTILE_VERSION,
    MIRROR,
    OTHER,
    PRIVATE,
    RERUN_OF_BROKEN,
    SCENARIOS,
    TAG_PUSH,
    broken,
    dispatch,
)

# What act doesn't simulate, with the reason: keys of the workflow, of jobs and steps, and actions with their inputs.
HIDDEN_KEYS: Final = {
    "on": "act starts what it's told to start",
    "concurrency": "act knows one run",
    "defaults": "bash is this machine's default, too",
    "permissions": "act gives every job the same token",
    "environment": "act has no environments, reviewers or secrets of an environment",
    "runs-on": "act runs every job on this machine",
    "timeout-minutes": "nothing takes that long here",
    "UV_PYTHON_PREFERENCE": "uv uses this machine's Python here",
    "persist-credentials": "the stand-in for checkout has no credentials",
}
HIDDEN_ACTIONS: Final = {
    "astral-sh/setup-uv": "its stand-in has one version of uv and no cache",
    "docker/setup-qemu-action": "act's runner is never an arm64 one, and the stand-in emulates nothing",
}
# Losing these costs time and nothing else.
SPEED_ONLY: Final = frozenset({"cache-dependency-glob", "cache-image", "compression-level"})
# What anyone may change: labels, what saves time, and the versions of actions, which Dependabot updates.
_COMPARED_ELSEWHERE: Final = frozenset({*SPEED_ONLY, "description", "uses"})
# These only label things for people.
_LABELS: Final = frozenset({"name", "description", "default", "required", "type"})
# What can be lost alone: entries of these, and these keys. The rest goes with the step, the job or the file.
_PARENTS: Final = frozenset({"needs", "steps", "with", "env", "outputs", "inputs", "permissions"})
_KEYS: Final = frozenset({"needs", "if", "id", *HIDDEN_KEYS})

Run = tuple[Scenario, Outcome]
_Place = tuple[str | int, ...]


@dataclass(frozen=True, kw_only=True)
class Mutant:
    """A file without one thing. `runs` are the scenarios, with the likeliest to show it first."""

    name: str
    path: Path
    content: Any
    runs: tuple[Run, ...]

    @property
    def text(self) -> str:
        """The file's text, made when it's used: that takes long, and most runs of pytest only collect these tests."""
        return str(yaml.safe_dump(self.content, sort_keys=False, width=1000))


def mutants() -> list[Mutant]:
    """Every loss that a run shows."""
    return [
        Mutant(
            name=": ".join([_name(whole, place), condition] if condition else [_name(whole, place)]),
            path=path,
            content=content,
            runs=_runs(place, condition),
        )
        for path in (WORKFLOW, ACTION)
        for whole in [_read(path)]
        for place, condition, content in _losses(whole)
        if not hidden_reason(whole, place)
    ]


def unseen() -> dict[str, str]:
    """What no run shows: each place with its value, and the reason."""
    return {
        f"{_name(whole, place)} = {json.dumps(value)}": reason
        for path in (WORKFLOW, ACTION)
        for whole in [_read(path)]
        for place, value in _places(whole, ())
        if (reason := hidden_reason(whole, place)) and not _COMPARED_ELSEWHERE & set(place)
        if not value or not isinstance(value, Mapping | list)
    }


def _losses(whole: Any) -> Iterator[tuple[_Place, str, Any]]:
    """The place of each loss, which part of a condition there ("" for all of it), and the content without it."""
    for place, value in _places(whole, ()):
        if _can_be_lost(place):
            yield place, "", _without(whole, place)
        if place[-1] == "if":
            yield from _conditions(whole, place, str(value))


def _conditions(whole: Any, place: _Place, condition: str) -> Iterator[tuple[_Place, str, Any]]:
    for operator in (" || ", " && "):
        operands = condition.split(operator)
        for operand in operands if len(operands) > 1 else ():
            changed = copy.deepcopy(whole)
            rest = operator.join(other for other in operands if other != operand)
            _at(changed, place[:-1])[place[-1]] = rest
            yield place, operand, changed


def _places(node: Any, place: _Place) -> Iterator[tuple[_Place, Any]]:
    """The places of all keys and entries, from the outside in."""
    entries = node.items() if isinstance(node, Mapping) else enumerate(node) if isinstance(node, list) else ()
    for key, value in entries:
        yield (*place, key), value
        yield from _places(value, (*place, key))


def _can_be_lost(place: _Place) -> bool:
    key, parent = place[-1], place[-2] if len(place) > 1 else ""
    if key in SPEED_ONLY or (key in _LABELS and parent != "with") or (place[0] == "on" and len(place) > 1):
        return False
    return parent in _PARENTS or key in _KEYS


def hidden_reason(whole: Any, place: _Place) -> str:
    """Why no run shows this loss; "" if one does."""
    action = str(_step(whole, place).get("uses", "")).partition("@")[0]
    is_whole_step = place[-2:-1] == ("steps",)
    if action in HIDDEN_ACTIONS and not (is_whole_step and action == "astral-sh/setup-uv"):
        return HIDDEN_ACTIONS[action]
    return next((HIDDEN_KEYS[key] for key in map(str, place) if key in HIDDEN_KEYS), "")


def _name(whole: Any, place: _Place) -> str:
    """The place as a reader finds it: the job, the step by what it does, the key."""
    words = [str(place[1])] if place[0] == "jobs" else [ACTION.parent.name] if "runs" in whole else []
    rest = place[2:] if place[0] == "jobs" else place
    step = _step(whole, place)
    if step:
        label = str(step.get("name") or str(step["uses"]).partition("@")[0].rpartition("/")[2])
        inputs = step.get("with", {})
        words.append(" ".join([label, *(str(inputs[key]) for key in ("name", "pattern") if key in inputs)]))
        rest = place[place.index("steps") + 2 :]
    parent = _at(whole, place[:-1])
    words += [str(parent[key]) if isinstance(key, int) else str(key) for key in rest]
    return " / ".join(words)


def _step(whole: Any, place: _Place) -> Mapping[str, Any]:
    if "steps" not in place or place.index("steps") + 2 > len(place):
        return {}
    step = _at(whole, place[: place.index("steps") + 2])
    return step if isinstance(step, Mapping) else {}


def _runs(place: _Place, condition: str) -> tuple[Run, ...]:
    """The scenarios, with those first that this loss probably changes. `condition` is the lost part of one."""
    keys = [str(key) for key in place]
    likely: tuple[Run, ...]
    is_step = "steps" in keys
    if keys[0] != "jobs":
        likely = _LIKELY_IN_ACTION.get(keys[-1], (dispatch(HOST), broken(HOST)))
    elif keys[-2] == "needs":
        likely = (broken(str(_at(_read(WORKFLOW), place)).removeprefix("build-")),)
    elif keys[1] == RELEASE_JOB and keys[-1] == "if":
        likely = (PRIVATE,) if is_step else (BRANCH_PUSH,) if "ref_type" in condition else (DISPATCH_ON_TAG,)
    elif keys[1] == "mirror":
        likely = (TAG_PUSH,) if keys[-1] == "if" else (MIRROR,)
    elif keys[1].startswith("build-"):
        likely = _likely_of_build(keys[1].removeprefix("build-"), keys[-1], condition)
    else:
        likely = _LIKELY.get((keys[1], keys[-1]), (dispatch(HOST),) if keys[1] == VERSION_JOB else (TAG_PUSH,))
    return (*likely, *(run for run in SCENARIOS if run not in likely))


def _likely_of_build(platform: str, key: str, condition: str) -> tuple[Run, ...]:
    if "event_name" in condition:
        return (TAG_PUSH,)
    if "'all'" in condition:
        return (DISPATCH_OF_ALL,)
    other = dispatch(OTHER if platform != OTHER else HOST)
    return (other,) if key == "if" and not condition else (dispatch(platform),)


_LIKELY: Final[Mapping[tuple[str, str], tuple[Run, ...]]] = {
    (VERSION_JOB, "fetch-depth"): (TAG_PUSH,),
    (VERSION_JOB, "DEFAULT_BRANCH"): (TAG_PUSH,),
    (VERSION_JOB, "VERSION_INPUT"): (HOSTILE_VERSION,),
}
_LIKELY_IN_ACTION: Final[Mapping[str, tuple[Run, ...]]] = {
    "if": (broken(HOST),),
    "if-no-files-found": (EMPTY,),
    "overwrite": (RERUN_OF_BROKEN,),
}


def _read(path: Path) -> Any:
    content = yaml.safe_load((REPOSITORY / path).read_text(encoding="utf-8"))
    # YAML 1.1 reads the bare word `on` as true.
    return {"on" if key is True else key: value for key, value in content.items()}


def _without(whole: Any, place: _Place) -> Any:
    changed = copy.deepcopy(whole)
    del _at(changed, place[:-1])[place[-1]]
    return changed


def _at(node: Any, place: _Place) -> Any:
    for key in place:
        node = node[key]
    return node
