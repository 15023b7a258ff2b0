"""What the documents claim exists: links, paths, commands, options, table rows and error messages."""

import ast
import functools
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from invoke.collection import Collection
from invoke.loader import FilesystemLoader

from release_tools.bootstrap.stages import STAGES
from release_tools.settings_schema import KEYS
from release_tools.verification.checks import CHECKS

REPOSITORY = Path(__file__).parents[2]
README = REPOSITORY / "README.md"
DOCS = REPOSITORY / "docs"
DOCUMENTS = sorted([*REPOSITORY.glob("*.md"), *DOCS.glob("**/*.md")])
BLOCK = re.compile(r"^```.*?^```$", re.DOTALL | re.MULTILINE)

# Only their subclasses are raised.
BASES = {"ReleaseError", "ProblemsFoundError", "ProgramEndedError"}

Definition = ast.ClassDef | ast.FunctionDef

each_document = pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)


def read(document: Path) -> str:
    return document.read_text(encoding="utf-8")


def code_spans(document: Path) -> list[str]:
    """The inline code of a document."""
    return re.findall(r"`([^`\n]+)`", BLOCK.sub("", read(document)))


def code_in(document: Path) -> Iterator[str]:
    """The lines of a document's code blocks, and its inline code."""
    for block in BLOCK.findall(read(document)):
        yield from block.splitlines()[1:-1]
    yield from code_spans(document)


def rows(document: Path, heading: str) -> list[list[str]]:
    """The cells of the first table below a heading, without its head."""
    section = f"\n{read(document)}".partition(f"\n{heading}\n")[2]
    table = re.search(r"(?:^\|.*\n)+", section, re.MULTILINE)
    assert table, f"{document.name} has no table below {heading!r}"
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in table[0].splitlines()[2:]]


def code_names(cells: list[str]) -> list[str]:
    return [name for cell in cells for name in re.findall(r"`([^`]+)`", cell)]


def anchors(document: Path) -> set[str]:
    """The anchors that GitHub gives the headings of a document."""
    headings = re.findall(r"^#+ (.*)$", BLOCK.sub("", read(document)), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


def called(program: str) -> list[tuple[str, str, list[str]]]:
    """Document, name and options of every call of this program's sessions or tasks."""
    pattern = re.compile(rf"\b{program} ([a-z][a-z-]*)([^#|;]*)")
    return [
        (document.name, match[1], re.findall(r"(?<!\S)(--[a-z-]+)", match[2].partition(" -- ")[0]))
        for document in DOCUMENTS
        for code in code_in(document)
        for match in pattern.finditer(code)
    ]


def nox(*args: str) -> str:
    command = [sys.executable, "-m", "nox", "--noxfile", str(REPOSITORY / "noxfile.py"), *args]
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=120).stdout


@pytest.fixture(scope="module")
def tasks() -> Collection:
    module, _ = FilesystemLoader(start=str(REPOSITORY)).load("tasks")
    return Collection.from_module(module)


@each_document
def test_links_resolve_to_files_and_headings(document: Path) -> None:
    links = re.findall(r"\]\(([^)\s]+)\)", BLOCK.sub("", read(document)))
    broken = []
    for link in links:
        path, _, anchor = link.partition("#")
        target = (document.parent / path).resolve() if path else document
        is_outside = re.match(r"https?:", link) is not None
        if not is_outside and not (target.exists() and (not anchor or anchor in anchors(target))):
            broken.append(link)
    assert broken == []


def test_readme_leads_to_every_document() -> None:
    seen: set[Path] = set()
    waiting = [README]
    while waiting:
        document = waiting.pop()
        if document in seen or not document.is_file():
            continue
        seen.add(document)
        links = re.findall(r"\]\(([^)#\s]+\.md)", read(document))
        waiting += [(document.parent / link).resolve() for link in links]
    assert set(DOCUMENTS) - seen == set()


@each_document
def test_paths_in_inline_code_exist(document: Path) -> None:
    paths = [
        span
        for span in code_spans(document)
        if re.fullmatch(r"(release_tools|agent_runner|tests|docs|\.github)/[\w./-]*", span)
    ]
    assert [path for path in paths if not (REPOSITORY / path).exists()] == []


def test_invoke_tasks_exist_with_their_options(tasks: Collection) -> None:
    calls = called("invoke")
    assert calls
    for document, name, options in calls:
        assert name in tasks.task_names, f"{document}: invoke {name}"
        known = {flag for argument in tasks[name].get_arguments() for flag in argument.names}
        unknown = {option.removeprefix("--") for option in options} - known
        assert not unknown, f"{document}: invoke {name} has no option {', '.join(sorted(unknown))}"


@pytest.mark.programs
def test_nox_sessions_in_documents_exist() -> None:
    existing = set(re.findall(r"^[*-] (\S+)", nox("--list"), re.MULTILINE))
    named = {
        (document.name, name)
        for document in DOCUMENTS
        for code in code_in(document)
        for names in re.findall(r"\bnox -s ((?:[a-z][\w-]* ?)+)", code)
        for name in names.split()
    }
    assert named
    # Before a placeholder: `nox -s build-<platform>`.
    assert {(document, name) for document, name in named if name not in {*existing, "build-"}} == set()


@pytest.fixture(scope="module")
def build_options() -> set[str]:
    """The options that a build session takes."""
    options = re.findall(r"--[a-z-]+", nox("-s", "build", "--", "--help").partition("options:")[2])
    return {*options} - {"--help"}


@pytest.mark.programs
def test_build_sessions_take_the_documented_options(build_options: set[str]) -> None:
    used = {
        option
        for document in DOCUMENTS
        for code in code_in(document)
        for call in re.findall(r"\bnox -s build\S* -- ([^#|;]+)", code)
        for option in re.findall(r"--[a-z-]+", call)
    }
    assert used
    assert used - build_options == set()


@pytest.mark.programs
def test_building_lists_every_build_option(build_options: set[str]) -> None:
    options = code_names([option for option, _ in rows(DOCS / "building.md", "## Options of a build")])
    assert {option.split()[0] for option in options} == build_options


def test_building_lists_every_workflow_input() -> None:
    (path,) = (REPOSITORY / ".github" / "workflows").glob("build-*-binaries.yml")
    workflow = yaml.safe_load(read(path))
    # YAML 1.1 reads the bare word `on` as true.
    inputs = workflow[True]["workflow_dispatch"]["inputs"]
    table = rows(DOCS / "building.md", "## Build on GitHub")
    defaults = {name: "off" if entry["default"] is False else f"`{entry['default']}`" for name, entry in inputs.items()}
    assert {name.strip("`"): default for name, default, _ in table} == defaults


@pytest.mark.programs
def test_gh_commands_exist_with_their_options() -> None:
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


def gh_help(name: str) -> str:
    finished = subprocess.run(["gh", *name.split(), "--help"], capture_output=True, text=True, check=True, timeout=60)
    return finished.stdout


def test_rebuild_uses_the_locked_uv() -> None:
    lock = tomllib.loads(read(REPOSITORY / "release_tools" / "poetry.lock"))
    (locked,) = [package["version"] for package in lock["package"] if package["name"] == "uv"]
    assert re.findall(r"\buv==(\S+)", read(DOCS / "releasing.md")) == [locked]


def test_readme_lists_the_stages_in_order() -> None:
    table = rows(README, "## How a build works")
    assert tuple(stage for stage, _, _ in table) == STAGES
    folders = code_names([code for _, code, _ in table])
    assert len(folders) == len(STAGES)
    assert [name for name in folders if not (REPOSITORY / "release_tools" / name).exists()] == []


def test_settings_document_lists_every_key() -> None:
    assert sorted(code_names([key for key, *_ in rows(DOCS / "settings.md", "# Settings")])) == sorted(KEYS)


def test_verification_document_lists_every_check() -> None:
    headings = ("Static checks", "Starting the binary", "The probe twin", "The app's own tests")
    tables = [rows(DOCS / "verification.md", f"## {heading}") for heading in headings]
    listed = code_names([name for table in tables for name, _ in table])
    assert sorted(listed) == sorted(check.name for check in CHECKS)


@pytest.fixture(scope="module")
def library() -> list[Definition]:
    """Every class and function of the library."""
    files = sorted((REPOSITORY / "release_tools").rglob("*.py"))
    nodes = (node for path in files for node in ast.walk(ast.parse(read(path))))
    return [node for node in nodes if isinstance(node, Definition)]


def error_classes(library: list[Definition]) -> dict[str, ast.ClassDef]:
    """Every class of the library that is a `ReleaseError`, by its name."""
    nodes = [node for node in library if isinstance(node, ast.ClassDef)]
    found: dict[str, ast.ClassDef] = {}
    kinds = set(BASES)
    while True:
        new = {node.name: node for node in nodes if node.name not in kinds and base_names(node) & kinds}
        if not new:
            return found
        found |= new
        kinds |= set(new)


def base_names(definition: ast.ClassDef) -> set[str]:
    return {base.id for base in definition.bases if isinstance(base, ast.Name)}


def error_entries() -> dict[str, list[str]]:
    """The rows of the tables in `errors.md` by their class, each as the cells that follow it."""
    entries: dict[str, list[str]] = {}
    for line in read(DOCS / "errors.md").splitlines():
        match = re.match(r"\| `(\w+)` \|", line)
        if match:
            assert match[1] not in entries, f"{match[1]} is listed twice"
            entries[match[1]] = [cell.strip() for cell in line.strip("|").split(" | ")[1:]]
    return entries


def texts_of(name: str, library: list[Definition]) -> set[str]:
    """Every text in a class, in its bases, and where it's raised; `…` stands for what an f-string fills in."""
    texts = set()
    for node in library:
        if isinstance(node, ast.ClassDef) and node.name == name:
            texts |= texts_in(node).union(*(texts_of(base, library) for base in base_names(node)))
        elif isinstance(node, ast.FunctionDef) and name in called_in(node):
            texts |= texts_in(node)
    return texts


@functools.cache
def called_in(function: ast.FunctionDef) -> set[str]:
    calls = (node.func for node in ast.walk(function) if isinstance(node, ast.Call))
    return {call.id for call in calls if isinstance(call, ast.Name)}


def texts_in(outer: ast.AST) -> set[str]:
    texts = set()
    for node in ast.walk(outer):
        if isinstance(node, ast.JoinedStr):
            texts.add("".join(str(part.value) if isinstance(part, ast.Constant) else "…" for part in node.values))
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            texts.add(node.value)
    return texts


def test_every_error_is_documented_once(library: list[Definition]) -> None:
    assert sorted(error_entries()) == sorted(error_classes(library))


def test_every_error_has_cause_and_fix() -> None:
    assert {name: len(cells) for name, cells in error_entries().items() if len(cells) != 3 or not all(cells)} == {}


def test_documented_messages_belong_to_their_class(library: list[Definition]) -> None:
    foreign = []
    for name, (messages, *_) in error_entries().items():
        texts = texts_of(name, library)
        for _, message in re.findall(r"(`+)(.+?)\1(?!`)", messages):
            template = re.sub("^(pyproject.toml|poetry.lock)", "…", message)
            parts = [part.strip() for part in template.split("…") if re.search(r"\w", part)] or [template]
            if not all(any(part in text for text in texts) for part in parts):
                foreign.append((name, message))
    assert foreign == []
