import pytest

from release_tools.freeze.source_files import opened_by_name

FILES = {"views": "views/__init__.py", "views.collect": "views/collect.py", "views.sub.run": "views/sub/run.py"}


def opened(source: str, *, with_patterns: bool = False) -> tuple[str, ...]:
    return opened_by_name([compile(source, "views", "exec")], FILES, with_patterns=with_patterns)


@pytest.mark.parametrize(
    "source",
    [
        "open(folder / 'collect.py')",
        "def f():\n    return 'views/collect.py'",
        "class A:\n    SCRIPTS = ('collect.py',)",
    ],
)
def test_module_opened_by_name_is_found(source: str) -> None:
    assert opened(source) == ("views/collect.py",)


@pytest.mark.parametrize(
    "source", ["import views.collect", "'see collect.py'", "'__init__.py'", "'elsewhere.py'", "'.py'"]
)
def test_imported_and_mentioned_modules_are_not(source: str) -> None:
    assert opened(source) == ()


def test_pattern_for_source_files_finds_all() -> None:
    source = "def load():\n    return glob('plugins/*.py')"
    assert set(opened(source, with_patterns=True)) == set(FILES.values())
    assert opened(source) == ()


def test_pattern_for_the_users_files_finds_none() -> None:
    assert opened("filenames = ['*.py', '*.pyw']", with_patterns=True) == ()
