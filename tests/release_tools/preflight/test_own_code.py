from tests.release_tools.preflight.conftest import FindProblems

STARTS_PROCESSES = "import multiprocessing\npool = multiprocessing.Pool(2)"


def test_every_module_is_judged(problems_of: FindProblems) -> None:
    found = problems_of({"tiny_app/a.py": STARTS_PROCESSES, "tiny_app/b/c.py": STARTS_PROCESSES})
    assert [problem.partition(":")[0] for problem in found] == ["tiny_app/a.py", "tiny_app/b/c.py"]


def test_tests_and_other_files_are_not_judged(problems_of: FindProblems) -> None:
    names = ("tiny_app/tests/work.py", "tiny_app/test_work.py", "tiny_app/conftest.py", "tiny_app/multiprocessing.txt")
    assert problems_of(dict.fromkeys(names, STARTS_PROCESSES)) == []


def test_template_that_is_no_python_passes(problems_of: FindProblems) -> None:
    assert problems_of("import multiprocessing\n{% if pool %}") == []
