import pytest

from tests.release_tools.preflight.conftest import FindProblems

PREFIX = """
import dbm, fcntl, importlib.resources as resources, logging, os, os.path as osp, pathlib, shutil, sqlite3
from filelock import FileLock
from logging.handlers import RotatingFileHandler
from pathlib import Path
from sqlalchemy import create_engine
HERE = Path(__file__).resolve().parent
FOLDER = os.path.dirname(os.path.abspath(__file__))
"""


@pytest.mark.parametrize(
    ("source", "written"),
    [
        ("(HERE / 'state.json').write_text(text)", "tiny_app/state.json"),
        ("def main(name):\n    HERE.joinpath('state', f'{name}.bin').write_bytes(b'')", "tiny_app/state/*.bin"),
        ("(HERE / 'cache').mkdir(exist_ok=True)", "tiny_app/cache"),
        ("STATE: Path = HERE / 'state.json'\nwith STATE.open('w') as file: ...", "tiny_app/state.json"),
        ("open(os.path.join(FOLDER, '..', 'app.log'), mode='a')", "app.log"),
        ("open(FOLDER + '/state.json', 'w+b')", "tiny_app/state.json"),
        ("open(f'{FOLDER}/state.json', 'x')", "tiny_app/state.json"),
        ("open(Path(__file__).with_suffix('.db'), 'r+b')", "tiny_app/cli.db"),
        ("open(pathlib.Path(__file__).parents[1] / 'state.json', 'w')", "state.json"),
        ("sqlite3.connect(str(HERE / 'state.db'))", "tiny_app/state.db"),
        ("create_engine(f'sqlite:///{HERE}/state.db')", "tiny_app/state.db"),
        ("create_engine('sqlite+pysqlite:///' + osp.join(FOLDER, 'state.db'))", "tiny_app/state.db"),
        ("FileLock(HERE / 'lock')", "tiny_app/lock"),
        ("RotatingFileHandler(HERE / 'app.log')", "tiny_app/app.log"),
        ("fcntl.flock(open(__file__), fcntl.LOCK_EX)", "tiny_app/cli.py"),
        ("with open(__file__) as lock:\n    fcntl.flock(lock.fileno(), fcntl.LOCK_EX)", "tiny_app/cli.py"),
        ("logging.basicConfig(level=10, filename=HERE / 'app.log')", "tiny_app/app.log"),
        ("os.open(HERE / 'lock', os.O_CREAT | os.O_EXCL)", "tiny_app/lock"),
        ("table.to_csv(HERE / 'table.csv')", "tiny_app/table.csv"),
        ("open(FOLDER + os.sep + 'state' + '.json', 'w')", "tiny_app/state.json"),
        (
            "class A:\n    path = HERE / 'state'\n    def save(self):\n        self.path.write_text('')",
            "tiny_app/state",
        ),
        ("class A:\n    path = HERE / 'state'\nA.path.write_text('')", "tiny_app/state"),
        ("shutil.copy(source, HERE / 'settings.toml')", "tiny_app/settings.toml"),
        ("temporary.replace(HERE / 'settings.toml')", "tiny_app/settings.toml"),
        ("(resources.files('tiny_app') / 'state.json').write_text(text)", "tiny_app/state.json"),
        ("(resources.files(__package__) / 'state.json').write_text(text)", "tiny_app/state.json"),
        ("def folder():\n    return HERE / 'data'\n(folder() / 'state').touch()", "tiny_app/data/state"),
        (
            "class A:\n    def __init__(self):\n        self.path = HERE / 'state'\n        self.path.write_text('')",
            "tiny_app/state",
        ),
    ],
)
def test_write_to_own_folder_is_found(problems_of: FindProblems, source: str, written: str) -> None:
    (problem,) = problems_of({"tiny_app/cli.py": PREFIX + source})
    assert problem.startswith("tiny_app/cli.py:")
    assert f" writes {written};" in problem
    assert "folder of the user" in problem


@pytest.mark.parametrize(
    "source",
    [
        "(HERE / 'words.txt').read_text()",
        "open(HERE / 'words.txt')",
        "os.open(HERE / 'words.txt', os.O_RDONLY)",
        "class A:\n    path: Path = HERE / 'state'\n    def save(self):\n        self.path.write_text('')",
        "open(HERE / 'words.txt', mode='rb')",
        "(Path.home() / 'state.json').write_text(text)",
        "def save(path):\n    path.write_text(text)",
        "def save(name):\n    (HERE / name).write_text(text)  # may be absolute",
        "(HERE / '/var/lib/tiny').mkdir()",
        "(HERE / 'C:/tiny').mkdir()",
        "from tiny_app.cli import HERE as place\ndef save(place):\n    (place / 'state.json').write_text(text)",
        "(HERE.parent.parent / 'state.json').write_text(text)  # above the bundle",
        "os.environ.get('STATE', HERE / 'state.json').write_text(text)",
        "STATE = HERE / 'state.json'\nSTATE = Path.cwd() / 'state.json'\nSTATE.write_text(text)",
        "def save(HERE):\n    (HERE / 'state.json').write_text(text)",
        "text.replace(str(HERE), '')",
        "text.replace(str(HERE), 'here').write_text('')",
        "shutil.copy(HERE / 'template.toml', target)",
        "create_engine(f'postgresql://{HERE}/state.db')",
        "sqlite3.connect(f'file:{HERE}/words.db?mode=ro', uri=True)",
        "if __name__ == '__main__':\n    (HERE / 'words.txt').write_text(text)",
        "def dump_debug_info():\n    (HERE / 'debug.txt').write_text(text)",
        "(HERE / 'tables.py').write_text(text)",
        "X = X / 'a'\nX.write_text(text)",
        "import sys\nif getattr(sys, 'frozen', False):\n    HERE = data\n(HERE / 'state.json').write_text(text)",
        "from tiny_app.system import is_frozen\nif not is_frozen:\n    (HERE / 'state.json').write_text(text)",
    ],
)
def test_what_may_work_is_fine(problems_of: FindProblems, source: str) -> None:
    assert problems_of({"tiny_app/cli.py": PREFIX + source}) == []


def test_shipped_database_and_folder_are_opened(problems_of: FindProblems) -> None:
    source = PREFIX + "sqlite3.connect(HERE / 'data' / 'words.db')\n(HERE / 'data').mkdir(exist_ok=True)"
    assert problems_of({"tiny_app/cli.py": source, "tiny_app/data/words.db": ""}) == []


@pytest.mark.parametrize(
    "source",
    [
        "from tiny_app.folders import DATA\n(DATA / 'state.json').write_text('')",
        "from .folders import DATA as folder\n(folder / 'state.json').write_text('')",
        "from tiny_app import folders\n(folders.DATA / 'state.json').write_text('')",
        "import tiny_app.folders\n(tiny_app.folders.DATA / 'state.json').write_text('')",
        "from .folders import data_folder\n(data_folder() / 'state.json').write_text('')",
    ],
)
def test_folder_defined_in_another_module_is_known(problems_of: FindProblems, source: str) -> None:
    folders = (
        "from pathlib import Path\nDATA = Path(__file__).parent / 'data'\n"
        "def data_folder() -> Path:\n    '''The folder.'''\n    return DATA"
    )
    (problem,) = problems_of({"tiny_app/folders.py": folders, "tiny_app/cli.py": source})
    assert problem.startswith("tiny_app/cli.py:2 writes tiny_app/data/state.json;")
