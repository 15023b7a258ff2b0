import dataclasses
import json
from pathlib import Path

import pytest

from release_tools.binaries.payload import Payload
from release_tools.settings import ReleaseSettings
from release_tools.verification.static.sizes import (
    Owners,
    check_sizes,
    describe_change,
    find_owners,
    measure_sizes,
    recorded_sizes,
    sizes_by_distribution,
)
from tests.release_tools.installed import running_environment
from tests.release_tools.verification.static.contexts import make_context
from tests.release_tools.verification.static.samples import make_elf

INSTALLED = running_environment()

OWNERS = Owners(
    files={"one/_fast.so": "one", "ns/two.txt": "two"},
    modules={"one": "one", "one.cli": "one", "ns.two": "two"},
    metadata={"one-1.0.dist-info": "one"},
)


def test_every_byte_has_an_owner(settings: ReleaseSettings) -> None:
    context = make_context(
        settings,
        binaries={"one/_fast.so": bytes(10_000), "libpython3.13.so.1.0": bytes(20_000), "libz.so.1": bytes(3_000)},
        data={"one-1.0.dist-info/METADATA": bytes(500), "ns/two.txt": bytes(2_000)},
        modules={"one": "", "one.cli": "", "ns.two": "", "json.decoder": "", "stray": ""},
    )
    whole = context.executable.stat().st_size
    sizes = sizes_by_distribution(Payload(context.executable), whole, OWNERS)
    assert set(sizes) == {"one", "two", "Python", "PyInstaller", "shared libraries", "other modules"}
    assert sum(sizes.values()) == whole
    assert sizes["one"] > 10_000
    assert list(sizes.values()) == sorted(sizes.values(), reverse=True)


@pytest.mark.parametrize(
    ("path", "owner"),
    [
        ("one/_fast.so", "one"),
        ("one-1.0.dist-info/licenses/LICENSE", "one"),
        ("python3.13/lib-dynload/_json.cpython-313-x86_64-linux-gnu.so", "Python"),
        ("base_library.zip", "Python"),
        ("python313.dll", "Python"),
        ("_ssl.pyd", "Python"),
        ("libssl.so.3", "shared libraries"),
        ("VCRUNTIME140.dll", "shared libraries"),
    ],
)
def test_file_belongs_to_distribution_python_or_system(path: str, owner: str) -> None:
    assert OWNERS.of_file(path) == owner


def test_owners_are_read_from_the_environment() -> None:
    owners = find_owners(INSTALLED.distributions)
    assert owners.modules["_pytest.fixtures"] == "pytest"
    assert owners.files["pytest/py.typed"] == "pytest"
    assert "pytest" in {name for folder, name in owners.metadata.items() if folder.startswith("pytest-")}


def test_largest_distributions_are_reported(settings: ReleaseSettings) -> None:
    context = make_context(settings, binaries={"libz.so.1": make_elf() + bytes(1_200_000)}, installed=INSTALLED)
    assert check_sizes(context) == "shared libraries 1.2 MB, PyInstaller 0.0 MB"


def test_change_since_the_last_build_is_reported(settings: ReleaseSettings, tmp_path: Path) -> None:
    context = make_context(settings, binaries={"libz.so.1": bytes(1_200_000)}, installed=INSTALLED)
    before = measure_sizes(context.executable, INSTALLED)
    record = tmp_path / "record.json"
    record.write_text(json.dumps({"sizes": {**before, "shared libraries": 900_000, "gone": 2_000_000}}))
    context = dataclasses.replace(context, evidence=dataclasses.replace(context.build, previous_record=record))
    figure = check_sizes(context)
    assert figure.endswith("(-1.7 MB since the last build: gone -2.0 MB, shared libraries +0.3 MB)")
    assert "since the last build" not in check_sizes(dataclasses.replace(context, is_quick=True))


def test_small_change_names_no_distribution() -> None:
    assert describe_change({"one": 1_000_000}, {"one": 999_000}) == "+0.0 MB since the last build"


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"sizes": null}', '{"sizes": {}}'])
def test_record_without_sizes_is_ignored(tmp_path: Path, content: str) -> None:
    record = tmp_path / "record.json"
    record.write_text(content, encoding="utf-8")
    assert recorded_sizes(record) == {}
    assert describe_change({"one": 1}, recorded_sizes(record)) == ""


def test_missing_record_has_no_sizes() -> None:
    assert recorded_sizes(None) == {}


def test_sizes_of_a_quick_build_are_not_compared(tmp_path: Path) -> None:
    record = tmp_path / "record.json"
    for verdict, expected in {"verified": {"one": 1}, "quick": {}}.items():
        record.write_text(json.dumps({"verdict": verdict, "sizes": {"one": 1}}), encoding="utf-8")
        assert recorded_sizes(record) == expected
