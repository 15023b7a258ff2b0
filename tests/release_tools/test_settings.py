import re
from collections.abc import Callable
from pathlib import Path

import pytest

from release_tools.errors import Problem, SettingsError
from release_tools.settings import AllowedMessage, ContainerSettings, ReleaseSettings
from release_tools.settings_schema import EXECUTABLE_NAME, KEYS, TABLE


def add_to_table(project: Path, text: str) -> None:
    with (project / "pyproject.toml").open("a", encoding="utf-8") as file:
        file.write(text)


def problems_of(project: Path) -> tuple[Problem, ...]:
    with pytest.raises(SettingsError) as caught:
        ReleaseSettings.load(project)
    assert caught.value.path == project / "pyproject.toml"
    return caught.value.problems


def test_command_and_pinned_python_are_enough(project: Path) -> None:
    settings = ReleaseSettings.load(project)
    assert (settings.executable, settings.entry_point) == ("tiny", "tiny_app.cli:main")
    assert (settings.project_version, settings.python_version) == ("1.2.3", "3.13")
    assert settings.test_suite is None
    assert settings.allowed_messages == ()


def test_every_key_is_loaded_with_its_type(project: Path) -> None:
    (project / "suite").mkdir()
    add_to_table(
        project,
        'exclude-modules = ["tkinter"]\nsize-limit-mib = 30\nsmoke-commands = [["doctor", "-v"]]\n'
        'test-suite = "suite"\ntest-binary-variable = "TINY"\ntest-arguments = ["-x"]\n'
        'allowed-messages = [{message = "m", reason = "r"}]\n'
        '[tool.release-tools.linux-arm64]\ncontainer-image = "i"\ncontainer-options = ["-m", "4g"]\n',
    )
    settings = ReleaseSettings.load(project)
    assert settings.smoke_commands == (("doctor", "-v"),)
    assert settings.test_suite == project / "suite"
    assert settings.allowed_messages == (AllowedMessage(message="m", reason="r"),)
    assert settings.container == ContainerSettings(image="i", options=("-m", "4g"))
    assert (settings.size_limit_mib, settings.exclude_modules, settings.test_arguments) == (30, ("tkinter",), ("-x",))


def test_legacy_poetry_tables_are_read(project: Path) -> None:
    text = '[tool.poetry]\nname = "old"\nversion = "0.9"\n[tool.poetry.scripts]\nold = "old:main"\n'
    (project / "pyproject.toml").write_text(text, encoding="utf-8")
    settings = ReleaseSettings.load(project)
    assert (settings.executable, settings.project_version, settings.entry_point) == ("old", "0.9", "old:main")


def test_unknown_key_suggests_a_similar_one(project: Path) -> None:
    add_to_table(project, 'exclude-module = ["tkinter"]\n')
    (problem,) = problems_of(project)
    assert "'exclude-module'" in problem.what
    assert problem.what.endswith("did you mean 'exclude-modules'?")


@pytest.mark.parametrize(
    "line",
    [
        "size-limit-mib = true",
        "size-limit-mib = -1",
        'exclude-modules = "tkinter"',
        'version-output = "tiny"',
        'smoke-commands = ["doctor"]',
        'smoke-commands = [["a\\u0000b"]]',
        'test-binary-variable = "A=B"',
        'glibc-floor = "2.30"',
        "glibc-floor = 2.28",
        'allowed-messages = [{message = "m"}]',
        'allowed-messages = [{message = "m", reason = " "}]',
        'allowed-vulnerabilities = [{id = "CVE-1", reason = "r"}]',
        'allowed-vulnerabilities = [{id = "CVE-1", reason = "r", expires = "2030-01-31"}]',
        'allowed-vulnerabilities = [{id = "CVE-1", reason = "r", expires = 2030-01-31T00:00:00Z}]',
        'linux-arm64.container-image = "a\\u0000b"',
        'linux-arm64.container-image = "two words"',
        "linux-arm64.container-image = []",
        'linux-arm64.image = "i"',
    ],
)
def test_invalid_value_names_its_key_and_valid_ones(project: Path, line: str) -> None:
    add_to_table(project, line + "\n")
    key = re.split(r"[ .]", line)[0]
    problems = [problem for problem in problems_of(project) if problem.what.startswith(f"{key} in ")]
    assert [problem.hint for problem in problems] == [f"write {KEYS[key][1]}"]


def test_every_problem_is_reported_at_once(project: Path) -> None:
    (project / ".python-version").unlink()
    add_to_table(project, 'sizes = 1\ntest-suite = "nowhere"\n')
    unknown, python, half, missing = problems_of(project)
    assert "'sizes'" in unknown.what
    assert python.what.startswith(".python-version ")
    assert "only one of" in half.what
    assert "'nowhere'" in missing.what


def test_undeclared_command_is_refused(project: Path) -> None:
    change(project, 'executable = "tiny"', 'executable = "big"')
    (problem,) = problems_of(project)
    assert "'big'" in problem.what
    assert problem.hint.startswith("add big = ")


@pytest.mark.parametrize("key", ["name", "version"])
def test_missing_project_key_is_named(project: Path, key: str) -> None:
    change(project, f"\n{key} = ", "\nother = ")
    assert [problem.what for problem in problems_of(project)] == [f"[project] has no {key}"]


def change(project: Path, old: str, new: str) -> None:
    path = project / "pyproject.toml"
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new), encoding="utf-8")


@pytest.mark.parametrize("name", ["../tiny", "my app", "-v", "größe", "LICENSE", "license", ".hidden", ""])
def test_executable_must_be_a_portable_file_name(project: Path, name: str) -> None:
    change(project, "tiny = ", f'"{name}" = ')
    change(project, 'executable = "tiny"', f'executable = "{name}"')
    assert all(EXECUTABLE_NAME in problem.hint for problem in problems_of(project))


def test_project_name_must_be_a_portable_file_name_too(project: Path) -> None:
    change(project, 'name = "tiny-app"', 'name = "tiny app"')
    change(project, "tiny = ", '"tiny app" = ')
    change(project, 'executable = "tiny"', "")
    (problem,) = problems_of(project)
    assert problem.what.startswith("'tiny app' ")


@pytest.mark.parametrize(
    "entry",
    ['{reference = "tiny_app.cli:main", type = "console"}', '"tiny_app.cli"', '"tiny_app:main()); (x"', "3", '""'],
)
def test_command_that_is_not_a_function_is_refused(project: Path, entry: str) -> None:
    change(project, '"tiny_app.cli:main"', entry)
    (problem,) = problems_of(project)
    assert problem.what.startswith("the command tiny ")


@pytest.mark.parametrize("version", ["v1.2.3", "1.2.3-rc.1", "1.02", "1.2.3+local", "one", "1.2.3RC1"])
def test_version_must_be_normalized(project: Path, version: str) -> None:
    change(project, '"1.2.3"', f'"{version}"')
    (problem,) = problems_of(project)
    assert problem.what.startswith(f"version {version!r} ")


@pytest.mark.parametrize("version", ["0.1", "1!2.0", "1.2.3a1", "1.2.3rc10.post2.dev3", "2026.11.23"])
def test_every_normalized_version_is_accepted(project: Path, version: str) -> None:
    change(project, '"1.2.3"', f'"{version}"')
    assert ReleaseSettings.load(project).project_version == version


@pytest.mark.parametrize("suite", ["..", "/", "tests/../../other"])
def test_test_suite_must_be_inside_the_project(project: Path, suite: str) -> None:
    add_to_table(project, f'test-suite = "{suite}"\ntest-binary-variable = "TINY"\n')
    (problem,) = problems_of(project)
    assert problem.what.startswith(f"test-suite {suite!r} is outside ")


@pytest.mark.parametrize(
    "written", ['[[tool.release-tools]]\nexecutable = "tiny"', "[tool]\nrelease-tools = 5", "[[tool]]\na = 1"]
)
def test_other_type_than_a_table_is_refused(project: Path, written: str) -> None:
    change(project, '[tool.release-tools]\nexecutable = "tiny"', written)
    assert TABLE in problems_of(project)[0].what


def test_undecodable_python_version_is_refused(project: Path) -> None:
    (project / ".python-version").write_bytes(b"\xff\xfe3")
    (problem,) = problems_of(project)
    assert problem.what.startswith(".python-version ")


def write_broken(path: Path) -> None:
    path.write_text("[project\n", encoding="utf-8")


def write_nested(path: Path) -> None:
    path.write_text("a = " + "[" * 9999, encoding="utf-8")


def make_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


@pytest.mark.parametrize("damage", [Path.unlink, write_broken, write_nested, make_folder])
def test_unreadable_pyproject_is_the_only_problem(project: Path, damage: Callable[[Path], None]) -> None:
    damage(project / "pyproject.toml")
    assert len(problems_of(project)) == 1
