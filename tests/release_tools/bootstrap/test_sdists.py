import io
import sys
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest

from release_tools.archives import sha256_of
from release_tools.bootstrap.environment import create_environment
from release_tools.errors import ReleaseError, ReportedError, SourceDistributionError
from release_tools.lockfile import content_hash
from release_tools.settings import ReleaseSettings

pytestmark = pytest.mark.programs

# A build backend that notes each build, and writes what may differ from build to build into the wheel.
BACKEND = """
import os, zipfile

def build_wheel(folder, *_):
    with open({log!r}, "a") as log:
        log.write("built\\n")
    {first}
    name = "thing-1.0-{tag}.whl"
    texts = {{
        "thing.py": f"MADE = ({{os.environ['SOURCE_DATE_EPOCH']}}, {{hash('thing')}})\\n",
        "thing-1.0.dist-info/METADATA": "Metadata-Version: 2.1\\nName: thing\\nVersion: 1.0\\n",
        "thing-1.0.dist-info/WHEEL": "Wheel-Version: 1.0\\nRoot-Is-Purelib: true\\nTag: {tag}\\n",
        "thing-1.0.dist-info/RECORD": "thing.py,,\\n",
    }}
    with zipfile.ZipFile(os.path.join(folder, name), "w") as wheel:
        for path, text in texts.items():
            wheel.writestr(path, text)
    return name
"""
HOST_TAG = f"cp{sys.version_info[0]}{sys.version_info[1]}-none-{sys.platform}_x86_64"

Install = Callable[..., Path]


def write_sdist(path: Path, files: dict[str, str]) -> None:
    with tarfile.open(path, "w:gz") as archive:
        for name, text in files.items():
            entry = tarfile.TarInfo(f"{path.name.removesuffix('.tar.gz')}/{name}")
            entry.size = len(text.encode())
            archive.addfile(entry, io.BytesIO(text.encode()))


@pytest.fixture
def builds(tmp_path: Path) -> Callable[[], int]:
    """How often the backend has run."""
    log = tmp_path / "log"
    return lambda: len(log.read_text().splitlines()) if log.exists() else 0


@pytest.fixture
def index(tmp_path: Path) -> Path:
    """The only package index: a folder, in which each package's page lists its sdist."""
    for name in ("thing", "unknown"):
        folder = tmp_path / "index" / name
        folder.mkdir(parents=True)
        (folder / "index.html").write_text(f'<a href="{name}-1.0.tar.gz">{name}-1.0.tar.gz</a>', encoding="utf-8")
    return tmp_path / "index"


@pytest.fixture
def install(project: Path, tmp_path: Path, index: Path, monkeypatch: pytest.MonkeyPatch) -> Install:
    """Locks an sdist, installs it in a new environment, and returns the folder of its packages."""

    def run(
        *, name: str = "one", tag: str = "py3-none-any", first: str = "pass", requires: str = "", digest: str = ""
    ) -> Path:
        source = index / "thing" / "thing-1.0.tar.gz"
        pyproject = f'[build-system]\nrequires = [{requires}]\nbuild-backend = "backend"\nbackend-path = ["."]\n'
        files = {
            "PKG-INFO": "Metadata-Version: 2.1\nName: thing\nVersion: 1.0\n",
            "pyproject.toml": pyproject,
            "backend.py": BACKEND.format(log=str(tmp_path / "log"), tag=tag, first=first),
        }
        if not source.exists():
            write_sdist(source, files)
        (project / ".python-version").write_text(".".join(map(str, sys.version_info[:2])), encoding="utf-8")
        settings = ReleaseSettings.load(project)
        settings.lock_path.write_text(
            '[[package]]\nname = "thing"\nversion = "1.0"\noptional = false\npython-versions = "*"\ngroups = ["main"]\n'
            f'files = [{{file = "{source.name}", hash = "sha256:{digest or sha256_of(source)}"}}]\n'
            f'[metadata]\nlock-version = "2.1"\ncontent-hash = "{content_hash(settings.pyproject)}"\n',
            encoding="utf-8",
        )
        monkeypatch.setenv("UV_DEFAULT_INDEX", index.as_uri())
        monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path / "cache"))
        python = create_environment(settings, settings.build_folder("here") / name, ["main"], is_kept=False)
        (module,) = python.parents[1].rglob("thing.py")
        return module.parent

    return run


def test_sdist_is_built_anew_each_time_to_the_same_bytes(install: Install, builds: Callable[[], int]) -> None:
    first = install()
    assert builds() == 1
    second = install(name="in another folder")
    assert builds() == 2
    for name in ("thing.py", "thing-1.0.dist-info/WHEEL", "thing-1.0.dist-info/METADATA"):
        assert (first / name).read_bytes() == (second / name).read_bytes()


def test_sdist_that_makes_a_wheel_for_one_platform_is_refused(install: Install) -> None:
    with pytest.raises(SourceDistributionError) as caught:
        install(tag=HOST_TAG)
    assert (caught.value.name, caught.value.version) == ("thing", "1.0")
    assert HOST_TAG in caught.value.what


def test_sdist_that_cannot_be_built_is_refused_with_the_reason(install: Install) -> None:
    with pytest.raises(SourceDistributionError) as caught:
        install(first="raise SystemExit('no compiler here')")
    assert "no compiler here" in caught.value.what


def test_build_dependency_without_a_locked_hash_is_not_installed(
    install: Install, builds: Callable[[], int], index: Path
) -> None:
    files = {"pyproject.toml": '[build-system]\nrequires = []\nbuild-backend = "b"\n', "PKG-INFO": ""}
    write_sdist(index / "unknown" / "unknown-1.0.tar.gz", files)
    with pytest.raises(SourceDistributionError) as caught:
        install(requires='"unknown"')
    assert "unknown" in caught.value.what
    assert builds() == 0


def test_sdist_with_another_hash_is_not_built(install: Install, builds: Callable[[], int]) -> None:
    with pytest.raises(ReleaseError) as caught:
        install(digest="0" * 64)
    assert isinstance(caught.value, SourceDistributionError | ReportedError)
    assert builds() == 0
