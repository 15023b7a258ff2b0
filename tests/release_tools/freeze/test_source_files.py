import pytest

from release_tools.freeze.source_files import opened_as_files

FILES = {"views": "views/__init__.py", "views.collect": "views/collect.py", "views.sub.run": "views/sub/run.py"}


def opened(source: str, *, with_patterns: bool = False) -> tuple[str, ...]:
    return opened_as_files({"views.sub.run": compile(source, "run.py", "exec")}, FILES, with_patterns=with_patterns)


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


@pytest.mark.parametrize(
    "source",
    [
        "names = [name for name in os.listdir(os.path.dirname(__file__))]",
        "HERE = Path(__file__).parent\ndef plugins():\n    return HERE.glob('*.py')",
        "def plugins():\n    for entry in os.scandir(__path__[0]):\n        yield entry",
    ],
)
def test_module_that_lists_its_folder_finds_the_files_there(source: str) -> None:
    assert opened(source) == ("views/sub/run.py",)


@pytest.mark.parametrize("source", ["os.listdir(folder)", "text = open(__file__)"])
def test_other_modules_list_nothing(source: str) -> None:
    assert opened(source) == ()
