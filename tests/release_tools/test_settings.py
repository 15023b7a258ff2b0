from pathlib import Path

import pytest

from release_tools.errors import SettingsError
from release_tools.settings import AllowedMessage, ReleaseSettings


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
        'allowed-messages = [{message = "m", reason = "r"}]\n',
    )
    settings = ReleaseSettings.load(project)
    assert settings.smoke_commands == (("doctor", "-v"),)
    assert settings.test_suite == project / "suite"
    assert settings.allowed_messages == (AllowedMessage(message="m", reason="r"),)
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
        ('smoke-commands = ["doctor"]', 'a list of argument lists, like [["doctor"]]'),
        ('allowed-messages = [{message = "m"}]', 'a list of tables {message = "…", reason = "…"}'),
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
