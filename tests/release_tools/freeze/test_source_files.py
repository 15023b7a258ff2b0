import pytest

from release_tools.freeze.source_files import opened_by_name

FILES = {"views": "views/__init__.py", "views.collect": "views/collect.py", "views.sub.run": "views/sub/run.py"}


def opened(source: str) -> tuple[str, ...]:
    return opened_by_name([compile(source, "views", "exec")], FILES)


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


@pytest.mark.parametrize("source", ["glob('plugins/*.py')", "folder.glob('*.py')"])
def test_pattern_for_source_files_finds_all(source: str) -> None:
    assert set(opened(source)) == set(FILES.values())
