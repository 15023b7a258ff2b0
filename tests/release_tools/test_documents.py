"""The documents: every command, option, link and error that they name exists, and no error is forgotten."""

import ast
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
from invoke.collection import Collection
from invoke.loader import FilesystemLoader

REPOSITORY = Path(__file__).parents[2]
DOCUMENTS = sorted([*REPOSITORY.glob("*.md"), *REPOSITORY.glob("docs/**/*.md")])
ERRORS = REPOSITORY / "docs" / "errors.md"


# They are never met as themselves.
BASES = {"ReleaseError", "ProblemsFoundError", "ProgramEndedError"}


def code_in(document: Path) -> Iterator[str]:
    """The lines of code blocks, and the code in the text."""
    text = document.read_text(encoding="utf-8")
    block = re.compile(r"^```.*?^```$", re.DOTALL | re.MULTILINE)
    for found in block.findall(text):
        yield from found.splitlines()[1:-1]
    yield from re.findall(r"`([^`\n]+)`", block.sub("", text))


def called(program: str) -> list[tuple[str, str, list[str]]]:
    """Document, name and options of every call of this program's sessions or tasks."""
    pattern = re.compile(rf"\b{program} ([a-z][a-z-]*)([^#|;]*)")
    return [
        (document.name, match[1], re.findall(r"(?<!\S)(--[a-z-]+)", match[2].partition(" -- ")[0]))
        for document in DOCUMENTS
        for code in code_in(document)
        for match in pattern.finditer(code)
    ]


@pytest.fixture(scope="module")
def tasks() -> Collection:
    module, _ = FilesystemLoader(start=str(REPOSITORY)).load("tasks")
    return Collection.from_module(module)


def test_every_invoke_task_in_the_documents_exists_with_its_options(tasks: Collection) -> None:
    calls = called("invoke")
    assert calls
    for document, name, options in calls:
        assert name in tasks.task_names, f"{document}: invoke {name}"
        known = {flag for argument in tasks[name].get_arguments() for flag in argument.names}
        unknown = {option.removeprefix("--") for option in options} - known
        assert not unknown, f"{document}: invoke {name} has no option {', '.join(sorted(unknown))}"


@pytest.mark.programs
def test_every_nox_session_in_the_documents_exists() -> None:
    command = [sys.executable, "-m", "nox", "--list", "--noxfile", str(REPOSITORY / "noxfile.py")]
    listed = subprocess.run(command, capture_output=True, text=True, check=True, timeout=120).stdout
    sessions = set(re.findall(r"^[*-] (\S+)", listed, re.MULTILINE))
    named = {
        (document.name, name)
        for document in DOCUMENTS
        for code in code_in(document)
        for names in re.findall(r"\bnox -s ((?:[a-z][\w-]* ?)+)", code)
        for name in names.split()
    }
    assert named
    # Beside a placeholder: `nox -s build-<platform>`.
    assert {(document, name) for document, name in named if name not in {*sessions, "build-"}} == set()


@pytest.mark.programs
def test_every_gh_command_in_the_documents_exists_with_its_options() -> None:
    calls = {
        (match[1], option)
        for document in DOCUMENTS
        for code in code_in(document)
        for match in re.finditer(r"\bgh (?!is |does |could )([a-z]+ [a-z]+)([^#|;]*)", code)
        for option in ["", *re.findall(r"(?<!\S)(--[a-z-]+)", match[2])]
    }
    assert calls
    helps = {name: gh_help(name) for name, _ in calls}
    assert {
        (name, option) for name, option in calls if f"gh {name}" not in helps[name] or option not in helps[name]
    } == set()


def test_rebuild_in_the_readme_uses_the_locked_uv() -> None:
    lock = tomllib.loads((REPOSITORY / "poetry.lock").read_text(encoding="utf-8"))
    (locked,) = [package["version"] for package in lock["package"] if package["name"] == "uv"]
    assert re.findall(r"\buv==(\S+)", (REPOSITORY / "README.md").read_text(encoding="utf-8")) == [locked]


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_every_link_inside_the_repository_leads_to_a_file(document: Path) -> None:
    text = document.read_text(encoding="utf-8")
    links = [link for link in re.findall(r"\]\(([^)\s]+)\)", text) if not re.match(r"https?:|#", link)]
    missing = [link for link in links if not (document.parent / link.partition("#")[0]).exists()]
    assert missing == []


def test_every_document_can_be_reached_from_the_readme() -> None:
    seen: set[Path] = set()
    waiting = [REPOSITORY / "README.md"]
    while waiting:
        document = waiting.pop()
        if document in seen or not document.is_file():
            continue
        seen.add(document)
        links = re.findall(r"\]\(([^)#\s]+\.md)", document.read_text(encoding="utf-8"))
        waiting += [(document.parent / link).resolve() for link in links]
    assert set(DOCUMENTS) - seen == set()


def gh_help(name: str) -> str:
    finished = subprocess.run(["gh", *name.split(), "--help"], capture_output=True, text=True, check=True, timeout=60)
    return finished.stdout


def error_classes() -> dict[str, ast.ClassDef]:
    """Every class of the library that is a `ReleaseError`, by its name."""
    nodes = [
        node
        for path in sorted((REPOSITORY / "release_tools").rglob("*.py"))
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.ClassDef)
    ]
    found: dict[str, ast.ClassDef] = {}
    kinds = set(BASES)
    while True:
        new = {
            node.name: node
            for node in nodes
            if node.name not in kinds and any(isinstance(base, ast.Name) and base.id in kinds for base in node.bases)
        }
        if not new:
            return found
        found |= new
        kinds |= set(new)


def error_entries() -> dict[str, list[str]]:
    """The rows of the document's tables by their class, each as the cells that follow it."""
    entries: dict[str, list[str]] = {}
    for line in ERRORS.read_text(encoding="utf-8").splitlines():
        match = re.match(r"\| `(\w+)` \|", line)
        if match:
            assert match[1] not in entries, f"{match[1]} stands there twice"
            entries[match[1]] = [cell.strip() for cell in line.strip("|").split(" | ")[1:]]
    return entries


def test_every_error_has_its_entry_and_no_entry_is_left_over() -> None:
    assert sorted(error_entries()) == sorted(error_classes())


def test_every_entry_has_a_message_a_cause_and_a_next_step() -> None:
    assert {name: len(cells) for name, cells in error_entries().items() if len(cells) != 3 or not all(cells)} == {}


def test_the_messages_are_those_that_the_classes_print() -> None:
    trees = [ast.parse(path.read_text(encoding="utf-8")) for path in (REPOSITORY / "release_tools").rglob("*.py")]
    constants = [node.value for tree in trees for node in ast.walk(tree) if isinstance(node, ast.Constant)]
    printed = "\n".join(value for value in constants if isinstance(value, str))
    for name, (messages, *_) in error_entries().items():
        for _, message in re.findall(r"(`+)(.+?)\1(?!`)", messages):
            for part in re.split("…|pyproject.toml: |poetry.lock: ", message):
                assert part.strip() in printed, f"{name} does not print {part!r}"
