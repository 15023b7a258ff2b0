import pytest

from tests.release_tools.preflight.conftest import FindProblems


@pytest.mark.parametrize(
    ("source", "call"),
    [
        ("import multiprocessing\npool = multiprocessing.Pool(2)", "multiprocessing.Pool"),
        ("import multiprocessing as mp\nif True:\n    mp.Process(target=print).start()", "mp.Process"),
        ("from multiprocessing import Manager\nclass A:\n    shared = Manager().dict()", "Manager"),
    ],
)
def test_process_started_at_import_is_found(problems_of: FindProblems, source: str, call: str) -> None:
    (problem,) = problems_of(source)
    assert f"{call}(…)" in problem


@pytest.mark.parametrize(
    "source",
    [
        "import multiprocessing\ndef main():\n    multiprocessing.Pool(2)",
        "import multiprocessing\nif __name__ == '__main__':\n    multiprocessing.Pool(2)",
        "import multiprocessing\nmake = lambda: multiprocessing.Pool(2)",
        "from multiprocessing.pool import ThreadPool\npool = ThreadPool(2)",
        "from elsewhere import Pool  # not multiprocessing\npool = Pool(2)",
    ],
)
def test_process_started_later_is_fine(problems_of: FindProblems, source: str) -> None:
    assert problems_of(source) == []
