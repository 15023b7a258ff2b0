"""The import audit: what works from source and not in the twin is found, whatever it is, and nothing else is."""

import dataclasses
import functools

import pytest

from release_tools.settings import ReleaseSettings
from release_tools.verification.check import CheckFailedError
from release_tools.verification.twin.import_audit import check_imports
from release_tools.verification.twin.import_list import imported_names, read_bundled_code, users_of_attribute
from tests.release_tools.verification.context_variants import allowing
from tests.release_tools.verification.twin import contexts

# Each is in the standard library, and nothing that the probe itself needs.
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
from tests.release_tools.verification.context_variants import allowing
def version(name):
    raise importlib.metadata.PackageNotFoundError(name)
importlib.metadata.version = version
importlib.metadata.entry_points = lambda **_: []
"""


# A distribution that is installed wherever these tests run stands for the project's own.
make_twin = functools.partial(contexts.make_twin, project="pluggy")


@pytest.mark.programs
def test_a_bundle_in_which_everything_can_be_imported_passes(settings: ReleaseSettings) -> None:
    assert check_imports(make_twin(settings, modules=MODULES)) == "3 modules, 1 names, 0 entry points, 0 versions"


@pytest.mark.programs
@pytest.mark.parametrize(
    ("name", "locked_for_the_build", "is_found"),
    [("pluggy", (), True), ("pluggy", ("iniconfig",), False), ("pytest", ("iniconfig",), True)],
    ids=["a dependency", "what only the build has, to a dependency", "what only the build has, to the project"],
)
def test_a_dependency_may_do_without_what_only_the_build_has_and_the_project_may_not(
    settings: ReleaseSettings, name: str, locked_for_the_build: tuple[str, ...], is_found: bool
) -> None:
    prelude = REFUSE.replace("colorsys", "iniconfig").format(
        condition="True", action='raise ModuleNotFoundError("No module named \'iniconfig\'", name="iniconfig")'
    )
    context = make_twin(
        settings,
        prelude,
        modules={"_pytest.config.findpaths": ""},
        project=name,
        locked_for_build=locked_for_the_build,
    )
    if is_found:
        with pytest.raises(CheckFailedError, match=r"_pytest\.config\.findpaths fails with ModuleNotFoundError"):
            check_imports(context)
    else:
        assert check_imports(context).startswith("1 modules")


@pytest.mark.programs
def test_modules_that_load_code_from_files_are_told(settings: ReleaseSettings) -> None:
    shim = "import importlib.util\nspec = importlib.util.spec_from_file_location('a', 'a.py')\n"
    late = "import importlib.util\ndef load():\n    return importlib.util.spec_from_file_location('a', 'a.py')\n"
    context = make_twin(settings, modules={"bdb": late, "tabnanny": shim})
    assert check_imports(context).endswith("0 versions; code is loaded from files by tabnanny")


@pytest.mark.programs
def test_what_fails_from_source_as_well_is_no_finding(settings: ReleaseSettings) -> None:
    modules = {**MODULES, "no_such_module": "", "bdb": "from colorsys import no_such_name\n"}
    assert check_imports(make_twin(settings, modules=modules)).startswith("4 modules, 2 names")


@pytest.mark.programs
@pytest.mark.parametrize(
    ("prelude", "told"),
    [
        (WITHOUT_COLORSYS, "colorsys fails with ModuleNotFoundError: No module named 'colorsys'"),
        ("import colorsys; del colorsys.rgb_to_hsv", "colorsys:rgb_to_hsv fails with ImportError: cannot import name"),
        ("import colorsys; del colorsys.yiq_to_rgb", "colorsys.__all__:yiq_to_rgb fails with AttributeError"),
        (REFUSE.format(condition="True", action="import os; os._exit(9)"), "the process ended with exit code 9"),
    ],
    ids=["module", "name", "public name", "death"],
)
@pytest.mark.shows_failing("import audit")
def test_what_only_the_frozen_program_cannot_import_is_found(
    settings: ReleaseSettings, prelude: str, told: str
) -> None:
    with pytest.raises(CheckFailedError) as caught:
        check_imports(make_twin(settings, prelude, modules=MODULES))
    assert told in caught.value.what


@pytest.mark.programs
def test_many_failures_of_one_cause_are_one_line(settings: ReleaseSettings) -> None:
    prelude = "import sys; sys.modules.update(bdb=None, colorsys=None)"
    prelude += "\nclass Broken:\n    def find_spec(self, name, path=None, target=None):\n"
    prelude += "        if name in MODULES: raise LookupError('no metadata of something')\n"
    prelude += f"MODULES = {sorted(MODULES)!r}\nsys.modules.pop('bdb'), sys.modules.pop('colorsys')\n"
    prelude += "sys.meta_path.insert(0, Broken())"
    with pytest.raises(CheckFailedError, match=r"3 fail with LookupError: no metadata of something \(first: bdb\)"):
        check_imports(make_twin(settings, prelude, modules=MODULES))


@pytest.mark.programs
def test_a_failure_that_depends_on_what_was_imported_before_is_no_finding(settings: ReleaseSettings) -> None:
    prelude = REFUSE.format(condition='"bdb" in sys.modules', action=NOT_FOUND)
    assert check_imports(make_twin(settings, prelude, modules={"bdb": "", "colorsys": ""})).startswith("2 modules")


@pytest.mark.programs
def test_metadata_that_is_not_bundled_is_found(settings: ReleaseSettings) -> None:
    modules = {"importlib.metadata": ""}
    good = make_twin(settings, modules=modules, locked=("packaging",))
    assert check_imports(good).endswith("2 versions")
    assert good.probe is not None
    good.probe.write_text(good.probe.read_text().replace("__main__':\n", f"__main__':\n{indented(WITHOUT_METADATA)}"))
    with pytest.raises(CheckFailedError, match="metadata of packaging fails with PackageNotFoundError"):
        check_imports(good)


@pytest.mark.programs
def test_an_entry_point_that_is_lost_is_found(settings: ReleaseSettings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("release_tools.verification.twin.import_list.is_foreign_group", lambda _: False)
    prelude = "import importlib.metadata; importlib.metadata.entry_points = lambda **_: []"
    context = make_twin(settings, prelude, modules={"importlib.metadata": ""}, locked=("pytest",))
    with pytest.raises(
        CheckFailedError, match=r"2 fail with LookupError: no metadata names .*first: entry point console_sc"
    ):
        check_imports(context)


@pytest.mark.programs
@pytest.mark.parametrize("finding", ["colorsys", "ModuleNotFoundError: No module named 'colorsys'"])
def test_a_finding_that_the_project_allows_is_let_through(settings: ReleaseSettings, finding: str) -> None:
    context = make_twin(settings, WITHOUT_COLORSYS, modules={"bdb": "", "colorsys": ""})
    assert check_imports(allowing(context, finding)).startswith("2 modules")


@pytest.mark.programs
def test_what_the_project_excludes_is_no_finding(settings: ReleaseSettings) -> None:
    without = dataclasses.replace(settings, exclude_modules=("colorsys",))
    assert check_imports(make_twin(without, WITHOUT_COLORSYS, modules=MODULES)).startswith("3 modules")


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("import a.b", ("a.b", ())),
        ("from a import b, c as d", ("a", ("b", "c"))),
        ("def f():\n    class C:\n        from a import b", ("a", ("b",))),
        ("from . import b", ("pack.age", ("b",))),
        ("from ..other import b", ("pack.other", ("b",))),
        ("from a import *", ("a", ("*",))),
        # So many constants and names that their numbers take two bytes.
        ("\n".join(f"x{n} = {n}.5" for n in range(300)) + "\nfrom a import b", ("a", ("b",))),
    ],
)
def test_every_import_in_compiled_code_is_seen(source: str, expected: tuple[str, tuple[str, ...]]) -> None:
    assert list(imported_names(compile(source, "module.py", "exec"), "pack.age")) == [expected]


def test_imports_that_lead_out_of_the_package_are_passed_over() -> None:
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
def test_the_users_of_a_submodule_that_loads_on_demand_are_found(
    settings: ReleaseSettings, source: str, is_user: bool
) -> None:
    context = make_twin(settings, modules={"pack/": "late = 1", "pack.other": "import pack; pack.late", "app": source})
    users = users_of_attribute(read_bundled_code(context.executable), "pack", "late")
    assert users == (("app",) if is_user else ())


def indented(text: str) -> str:
    return "".join(f"    {line}\n" for line in text.splitlines())
