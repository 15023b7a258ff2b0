import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[3]
SHOW = "import subprocess; print(subprocess._text_encoding().lower())"

pytestmark = [
    pytest.mark.programs,
    pytest.mark.skipif(sys.platform == "win32", reason="the locale is an environment variable on POSIX only"),
]


@pytest.mark.parametrize(
    "variables",
    [
        {"LC_ALL": "en_US.ISO-8859-1"},
        {"LC_CTYPE": "en_US.ISO-8859-1"},
        {"LC_ALL": "C.UTF-8"},
        {"LC_ALL": "C"},
        {"LC_ALL": "en_US.ISO-8859-1", "PYTHONUTF8": "1"},
    ],
    ids=str,
)
def test_text_of_children_has_the_encoding_as_from_source(tmp_path: Path, variables: dict[str, str]) -> None:
    localedef = shutil.which("localedef")
    if localedef is None:
        pytest.skip("without localedef, this machine has no locale that isn't UTF-8")
    locale = str(tmp_path / "en_US.ISO-8859-1")
    subprocess.run([localedef, "--inputfile=en_US", "--charmap=ISO-8859-1", locale], check=True, timeout=60)
    environment = {"PATH": os.environ["PATH"], "LOCPATH": str(tmp_path), **variables}
    runtime = f"import sys; sys.path.insert(0, {str(REPOSITORY)!r})\n"
    runtime += "from release_tools.freeze.runtime import imports, text_of_children\n"
    runtime += "imports.install()\ntext_of_children.install()\n"
    source, frozen = (
        subprocess.run(command, env=environment, capture_output=True, text=True, check=True, timeout=60).stdout
        for command in ([sys.executable, "-c", SHOW], [sys.executable, "-Xutf8", "-c", runtime + SHOW])
    )
    assert frozen == source
