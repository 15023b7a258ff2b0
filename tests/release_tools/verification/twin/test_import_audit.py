import dataclasses
import functools

import pytest

from release_tools.findings import Finding, lines_of
from release_tools.settings import ReleaseSettings
from release_tools.verification.check import CheckFailedError, VerificationContext
from release_tools.verification.twin import import_audit
from release_tools.verification.twin.import_audit import audit, check_imports
from release_tools.verification.twin.import_list import (
    ImportList,
    imported_names,
    list_imports,
    read_bundled_code,
    users_of_attribute,
)
from tests.release_tools.verification.context_variants import allowing
from tests.release_tools.verification.twin import contexts

# Modules of the standard library that the probe itself doesn't need.
MODULES = {"bdb": "", "colorsys": "", "tabnanny": "from colorsys import rgb_to_hsv\n"}

REFUSE = """
import sys
class Refusing:
    def find_spec(self, name, path=None, target=None):
        if name == "colorsys" and {condition}:
            {action}
sys.meta_path.insert(0, Refusing())
"""
NOT_FOUND = 'raise ModuleNotFoundError("No module named \'colorsys\'", name="colorsys")'
WITHOUT_COLORSYS = REFUSE.format(condition="True", action=NOT_FOUND)
WITHOUT_METADATA = """
import importlib.metadata
def version(name):
    raise importlib.metadata.PackageNotFoundError(name)
importlib.metadata.version = version
importlib.metadata.entry_points = lambda **_: []
"""

# An installed distribution takes the place of the project's own.
make_twin = functools.partial(contexts.make_twin, project="pluggy")


@pytest.mark.programs
def test_bundle_where_everything_imports_passes(settings: ReleaseSettings) -> None:
    assert (
        check_imports(make_twin(settings, modules=MODULES)).figure == "3 modules, 1 names, 0 entry points, 0 versions"
    )


@pytest.mark.programs
def test_modules_that_load_files_are_reported(settings: ReleaseSettings) -> None:
    shim = "import importlib.util\nspec = importlib.util.spec_from_file_location('a', 'a.py')\n"
    late = "import importlib.util\ndef load():\n    return importlib.util.spec_from_file_location('a', 'a.py')\n"
    context = make_twin(settings, modules={"bdb": late, "tabnanny": shim, "importlib.simple": shim})
    assert check_imports(context).notes == ("load code from files: tabnanny",)


@pytest.mark.programs
def test_failure_that_also_occurs_from_source_passes(settings: ReleaseSettings) -> None:
    modules = {**MODULES, "no_such_module": "", "bdb": "from colorsys import no_such_name\n"}
    assert check_imports(make_twin(settings, modules=modules)).figure.startswith("4 modules, 2 names")


@pytest.mark.programs
@pytest.mark.parametrize(
    ("prelude", "findings"),
    [
        (WITHOUT_COLORSYS, {"colorsys"}),
        (
            "import colorsys; del colorsys.rgb_to_hsv",
            {"colorsys:rgb_to_hsv", "colorsys.__all__:rgb_to_hsv"},
        ),
        ("import colorsys; del colorsys.yiq_to_rgb", {"colorsys.__all__:yiq_to_rgb"}),
        (REFUSE.format(condition="True", action="import os; os._exit(9)"), {"colorsys"}),
    ],
    ids=["module", "name", "public name", "death"],
)
@pytest.mark.shows_failing("import audit")
def test_import_that_only_fails_frozen_is_found(settings: ReleaseSettings, prelude: str, findings: set[str]) -> None:
    with pytest.raises(CheckFailedError) as caught:
        check_imports(make_twin(settings, prelude, modules=MODULES))
    assert set(caught.value.findings) == findings


BLOCK = "import threading; threading.Event().wait()"


@pytest.mark.programs
def test_module_that_blocks_is_named_and_the_rest_imported(
    settings: ReleaseSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(import_audit, "IMPORT_TIMEOUT_SECONDS", 1.0)
    prelude = REFUSE.format(condition="True", action=BLOCK)
    prelude += REFUSE.replace("colorsys", "this_is_late").format(condition="True", action="raise LookupError('late')")
    context = make_twin(settings, prelude, modules={"bdb": "", "colorsys": "", "this_is_late": "", "tabnanny": ""})
    assert failing(audit(context, list_of(context), "twin")) == {"colorsys", "this_is_late"}


@pytest.mark.programs
def test_import_list_may_take_longer_than_the_limit(settings: ReleaseSettings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(import_audit, "IMPORT_TIMEOUT_SECONDS", 1.0)
    monkeypatch.setattr("release_tools.verification.twin.probe.scaled_timeout", lambda seconds: seconds)
    slow = "import time; name == 'colorsys' or time.sleep(0.7)"
    prelude = REFUSE.replace('name == "colorsys" and ', 'name in ("bdb", "tabnanny", "cmd", "sndhdr") and ')
    prelude = prelude.format(condition="True", action=slow)
    context = make_twin(settings, prelude, modules=dict.fromkeys(("bdb", "cmd", "tabnanny"), ""))
    assert audit(context, list_of(context), "twin") == []


PACKAGE = {"bdb": "", "concurrent/": "", "concurrent.futures/": "", "concurrent.futures.thread": ""}


@pytest.mark.programs
def test_submodules_of_a_package_that_fails_are_not_tried(settings: ReleaseSettings) -> None:
    prelude = REFUSE.replace("colorsys", "concurrent.futures").format(condition="True", action="raise LookupError()")
    context = make_twin(settings, prelude, modules=PACKAGE)
    assert failing(audit(context, list_of(context), "twin")) == {"concurrent.futures"}


@pytest.mark.programs
def test_submodules_are_tried_once_their_package_works(settings: ReleaseSettings) -> None:
    prelude = REFUSE.replace("colorsys", "concurrent.futures").format(
        condition='"bdb" in sys.modules', action="raise LookupError()"
    )
    prelude += REFUSE.replace("colorsys", "concurrent.futures.thread").format(condition="True", action=NOT_FOUND)
    with pytest.raises(CheckFailedError) as caught:
        check_imports(make_twin(settings, prelude, modules=PACKAGE))
    assert "concurrent.futures.thread" in caught.value.findings


@pytest.mark.programs
@pytest.mark.parametrize(
    "error",
    [
        "ModuleNotFoundError(\"No module named '_dbm'\")",
        "ImportError(\"No module named '_dbm', please install the python3-gdbm package\")",
    ],
)
def test_extension_module_that_only_the_standard_library_imports_may_be_missing(
    settings: ReleaseSettings, error: str
) -> None:
    prelude = REFUSE.format(condition="True", action=f"raise {error}")
    assert check_imports(make_twin(settings, prelude, modules={"colorsys": ""})).figure.startswith("1 modules")


@pytest.mark.programs
def test_failures_with_one_error_share_a_line(settings: ReleaseSettings) -> None:
    prelude = "import sys; sys.modules.update(bdb=None, colorsys=None)"
    prelude += "\nclass Broken:\n    def find_spec(self, name, path=None, target=None):\n"
    prelude += "        if name in MODULES: raise LookupError('no metadata of something')\n"
    prelude += f"MODULES = {sorted(MODULES)!r}\nsys.modules.pop('bdb'), sys.modules.pop('colorsys')\n"
    prelude += "sys.meta_path.insert(0, Broken())"
    with pytest.raises(CheckFailedError) as caught:
        check_imports(make_twin(settings, prelude, modules=MODULES))
    assert set(caught.value.findings) == set(MODULES)
    findings = [Finding(text=name, detail=detail) for name, detail in caught.value.details.items()]
    assert len(lines_of(findings)) == 1


@pytest.mark.programs
def test_failure_caused_by_an_earlier_import_passes(settings: ReleaseSettings) -> None:
    prelude = REFUSE.format(condition='"bdb" in sys.modules', action=NOT_FOUND)
    assert check_imports(make_twin(settings, prelude, modules={"bdb": "", "colorsys": ""})).figure.startswith(
        "2 modules"
    )


@pytest.mark.programs
def test_missing_metadata_is_found(settings: ReleaseSettings) -> None:
    modules = {"importlib.metadata": ""}
    good = make_twin(settings, modules=modules, locked=("packaging",))
    assert check_imports(good).figure.endswith("2 versions")
    assert good.probe is not None
    good.probe.write_text(good.probe.read_text().replace("__main__':\n", f"__main__':\n{indented(WITHOUT_METADATA)}"))
    with pytest.raises(CheckFailedError) as caught:
        check_imports(good)
    assert "metadata of packaging" in caught.value.findings


@pytest.mark.programs
def test_missing_entry_point_is_found(settings: ReleaseSettings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("release_tools.verification.twin.import_list.is_foreign_group", lambda _: False)
    prelude = "import importlib.metadata; importlib.metadata.entry_points = lambda **_: []"
    modules = {"importlib.metadata": "", "app": "GROUP = 'console_scripts'"}
    context = make_twin(settings, prelude, modules=modules, locked=("pytest",))
    with pytest.raises(CheckFailedError) as caught:
        check_imports(context)
    assert [finding.partition(":")[0] for finding in caught.value.findings] == ["entry point console_scripts"] * 2


@pytest.mark.programs
@pytest.mark.parametrize(
    ("reader", "is_found"),
    [("points(group='pytest11')", True), ("GROUPS = ('pytest11', 'others')", True), ("points(group='other')", False)],
)
def test_entry_point_is_found_only_if_bundled_code_reads_its_group(
    settings: ReleaseSettings, monkeypatch: pytest.MonkeyPatch, reader: str, is_found: bool
) -> None:
    monkeypatch.setattr(
        "release_tools.verification.twin.import_list.is_foreign_group", lambda group: group != "pytest11"
    )
    prelude = "import importlib.metadata; importlib.metadata.entry_points = lambda **_: []"
    modules = {"importlib.metadata": "", "app": f"def read(): {reader}"}
    context = make_twin(settings, prelude, modules=modules, locked=("pytest-timeout",))
    if is_found:
        with pytest.raises(CheckFailedError) as caught:
            check_imports(context)
        assert caught.value.findings == ("entry point pytest11: timeout = pytest_timeout",)
    else:
        assert any("pytest11" in note for note in check_imports(context).notes)


@pytest.mark.programs
@pytest.mark.parametrize("finding", ["colorsys", "*: ModuleNotFoundError: No module named 'colorsys'"])
def test_allowed_finding_passes(settings: ReleaseSettings, finding: str) -> None:
    context = make_twin(settings, WITHOUT_COLORSYS, modules={"bdb": "", "colorsys": ""})
    assert check_imports(allowing(context, finding)).figure.startswith("2 modules")


@pytest.mark.programs
def test_excluded_module_may_be_missing(settings: ReleaseSettings) -> None:
    without = dataclasses.replace(settings, exclude_modules=("colorsys",))
    assert check_imports(make_twin(without, WITHOUT_COLORSYS, modules=MODULES)).figure.startswith("3 modules")


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("import a.b", ("a.b", ())),
        ("from a import b, c as d", ("a", ("b", "c"))),
        ("def f():\n    class C:\n        from a import b", ("a", ("b",))),
        ("from . import b", ("pack.age", ("b",))),
        ("from ..other import b", ("pack.other", ("b",))),
        ("from a import *", ("a", ("*",))),
        # So many constants and names that an index needs two bytes.
        ("\n".join(f"x{n} = {n}.5" for n in range(300)) + "\nfrom a import b", ("a", ("b",))),
    ],
)
def test_imports_are_read_from_bytecode(source: str, expected: tuple[str, tuple[str, ...]]) -> None:
    assert list(imported_names(compile(source, "module.py", "exec"), "pack.age")) == [expected]


def test_relative_import_beyond_the_package_is_ignored() -> None:
    assert list(imported_names(compile("from ... import b", "module.py", "exec"), "package")) == []


@pytest.mark.parametrize(
    ("source", "is_user"),
    [
        ("import pack\ndef f(): return pack.late.x", True),
        ("import pack.other\npack.late", True),
        ("from pack import *\nlate", True),
        ("from pack import other\nother.late", False),
        ("import pack\npack.early", False),
        ("import elsewhere\nelsewhere.late", False),
    ],
)
def test_users_of_a_lazy_submodule_are_found(settings: ReleaseSettings, source: str, is_user: bool) -> None:
    context = make_twin(settings, modules={"pack/": "late = 1", "pack.other": "import pack; pack.late", "app": source})
    users = users_of_attribute(read_bundled_code(context.executable), "pack", "late")
    assert users == (("app",) if is_user else ())


def list_of(context: VerificationContext) -> ImportList:
    return list_imports(context.build.installed, read_bundled_code(context.executable))


def failing(failures: list[tuple[str, str]]) -> set[str]:
    return {item for item, _ in failures}


def indented(text: str) -> str:
    return "".join(f"    {line}\n" for line in text.splitlines())
