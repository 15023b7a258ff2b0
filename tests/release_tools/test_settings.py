from pathlib import Path

import pytest

from release_tools.errors import SettingsError
from release_tools.settings import AllowedMessage, ContainerSettings, ReleaseSettings


def add_to_table(project: Path, text: str) -> None:
    with (project / "pyproject.toml").open("a", encoding="utf-8") as file:
        file.write(text)


def settings_error(project: Path) -> str:
    with pytest.raises(SettingsError) as caught:
        ReleaseSettings.load(project)
    return str(caught.value)


def test_a_project_with_a_command_and_a_pinned_python_is_enough(project: Path) -> None:
    settings = ReleaseSettings.load(project)
    assert (settings.executable, settings.entry_point) == ("tiny", "tiny_app.cli:main")
    assert (settings.project_version, settings.python_version) == ("1.2.3", "3.13")
    assert settings.test_suite is None
    assert settings.allowed_messages == ()


def test_every_key_arrives_with_its_type(project: Path) -> None:
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


def test_a_project_in_poetrys_own_tables_is_read_too(project: Path) -> None:
    text = '[tool.poetry]\nname = "old"\nversion = "0.9"\n[tool.poetry.scripts]\nold = "old:main"\n'
    (project / "pyproject.toml").write_text(text, encoding="utf-8")
    settings = ReleaseSettings.load(project)
    assert (settings.executable, settings.project_version, settings.entry_point) == ("old", "0.9", "old:main")


def test_an_unknown_key_is_named_with_the_one_that_was_meant(project: Path) -> None:
    add_to_table(project, 'exclude-module = ["tkinter"]\n')
    assert "unknown key 'exclude-module' in [tool.release-tools]; did you mean 'exclude-modules'?" in settings_error(
        project
    )


@pytest.mark.parametrize(
    ("line", "hint"),
    [
        ("size-limit-mib = true", "a whole number of MiB above 0"),
        ("size-limit-mib = -1", "a whole number of MiB above 0"),
        ('exclude-modules = "tkinter"', "a list of module names"),
        ('version-output = "tiny"', "one line with"),
        ('smoke-commands = ["doctor"]', 'a list of argument lists, like [["doctor"]]'),
        ('smoke-commands = [["a\\u0000b"]]', 'a list of argument lists, like [["doctor"]]'),
        ('test-binary-variable = "A=B"', "the name of an environment variable"),
        ('glibc-floor = "2.30"', "a version of glibc that uv can choose wheels for, as a text: 2.17, 2.28, 2.31, "),
        ("glibc-floor = 2.28", "a version of glibc that uv can choose wheels for"),
        ('allowed-messages = [{message = "m"}]', 'a list of tables {message = "…", reason = "…"}'),
        ('linux-arm64.container-image = "a\\u0000b"', 'a table {container-image = "…", container-options = ["…"]}'),
        (
            'linux-arm64.container-image = "two words"',
            'a table {container-image = "…", container-options = ["…"]}, with an image such as ghcr.io/',
        ),
        ("linux-arm64.container-image = []", 'a table {container-image = "…", container-options = ["…"]}'),
        ('linux-arm64.image = "i"', 'a table {container-image = "…", container-options = ["…"]}'),
        ('allowed-messages = [{message = "m", reason = " "}]', 'a list of tables {message = "…", reason = "…"}'),
    ],
)
def test_a_value_of_the_wrong_kind_says_what_to_write(project: Path, line: str, hint: str) -> None:
    add_to_table(project, line + "\n")
    assert f"hint: write {hint}" in settings_error(project)


def test_all_problems_are_listed_at_once(project: Path) -> None:
    (project / ".python-version").unlink()
    add_to_table(project, 'sizes = 1\ntest-suite = "nowhere"\n')
    message = settings_error(project)
    assert message.startswith("error: pyproject.toml: 4 problems")
    for part in (
        "unknown key 'sizes'",
        ".python-version holds ''",
        "only one of test-suite",
        "'nowhere' is not a folder",
    ):
        assert part in message


def test_a_command_that_is_not_declared_is_refused(project: Path) -> None:
    path = project / "pyproject.toml"
    path.write_text(
        path.read_text(encoding="utf-8").replace('executable = "tiny"', 'executable = "big"'), encoding="utf-8"
    )
    assert "no command 'big' in [project.scripts]" in settings_error(project)


def test_no_pyproject_and_a_broken_one_are_clear_errors(project: Path) -> None:
    (project / "pyproject.toml").write_text("[project\n", encoding="utf-8")
    assert "is not valid TOML" in settings_error(project)
    (project / "pyproject.toml").unlink()
    assert "run this from the folder that holds pyproject.toml" in settings_error(project)


def change(project: Path, old: str, new: str) -> None:
    path = project / "pyproject.toml"
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new), encoding="utf-8")


@pytest.mark.parametrize("name", ["../tiny", "my app", "-v", "größe", "LICENSE", "license", ".hidden", ""])
def test_a_program_has_a_name_that_files_and_release_assets_can_have(project: Path, name: str) -> None:
    change(project, "tiny = ", f'"{name}" = ')
    change(project, 'executable = "tiny"', f'executable = "{name}"')
    assert "a name of ASCII letters, digits, dots, dashes and underscores" in settings_error(project)


def test_the_projects_own_name_has_to_be_such_a_name_where_the_program_is_called_so(project: Path) -> None:
    change(project, 'name = "tiny-app"', 'name = "tiny app"')
    change(project, "tiny = ", '"tiny app" = ')
    change(project, 'executable = "tiny"', "")
    assert "no file can be called 'tiny app' everywhere" in settings_error(project)


@pytest.mark.parametrize(
    "entry",
    ['{reference = "tiny_app.cli:main", type = "console"}', '"tiny_app.cli"', '"tiny_app:main()); (x"', "3", '""'],
)
def test_a_command_that_names_no_function_is_refused(project: Path, entry: str) -> None:
    change(project, '"tiny_app.cli:main"', entry)
    assert "which names no function" in settings_error(project)


@pytest.mark.parametrize("version", ["v1.2.3", "1.2.3-rc.1", "1.02", "1.2.3+local", "one", "1.2.3RC1"])
def test_a_version_is_written_as_the_program_will_print_it(project: Path, version: str) -> None:
    change(project, '"1.2.3"', f'"{version}"')
    assert f"version '{version}' in [project] is not written as metadata states it" in settings_error(project)


@pytest.mark.parametrize("version", ["0.1", "1!2.0", "1.2.3a1", "1.2.3rc10.post2.dev3", "2026.11.23"])
def test_every_version_that_metadata_states_as_it_is_will_do(project: Path, version: str) -> None:
    change(project, '"1.2.3"', f'"{version}"')
    assert ReleaseSettings.load(project).project_version == version


@pytest.mark.parametrize("suite", ["..", "/", "tests/../../other"])
def test_the_tests_lie_in_the_project(project: Path, suite: str) -> None:
    add_to_table(project, f'test-suite = "{suite}"\ntest-binary-variable = "TINY"\n')
    assert "leads out of the project's folder" in settings_error(project)


@pytest.mark.parametrize(
    "written", ['[[tool.release-tools]]\nexecutable = "tiny"', "[tool]\nrelease-tools = 5", "[[tool]]\na = 1"]
)
def test_what_is_no_table_is_not_passed_over(project: Path, written: str) -> None:
    change(project, '[tool.release-tools]\nexecutable = "tiny"', written)
    assert "[tool.release-tools] is no table" in settings_error(project)


def test_files_that_cannot_be_read_are_clear_errors(project: Path) -> None:
    (project / ".python-version").write_bytes(b"\xff\xfe3")
    assert ".python-version holds" in settings_error(project)
    (project / "pyproject.toml").unlink()
    (project / "pyproject.toml").mkdir()
    assert "pyproject.toml: cannot be read: Is a directory" in settings_error(project)


def test_a_file_that_is_nested_without_end_is_a_clear_error(project: Path) -> None:
    (project / "pyproject.toml").write_text("a = " + "[" * 9999, encoding="utf-8")
    assert "pyproject.toml: has arrays or tables in one another that are too deep" in settings_error(project)
