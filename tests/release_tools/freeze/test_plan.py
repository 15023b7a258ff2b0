import compileall
from pathlib import Path

from release_tools.freeze.plan import write_launcher
from release_tools.settings import ReleaseSettings


def test_launcher_calls_freeze_support_before_importing_the_app(settings: ReleaseSettings) -> None:
    launcher = write_launcher(settings, settings.root)
    text = launcher.read_text(encoding="utf-8")
    assert text.index("multiprocessing.freeze_support()") < text.index("from tiny_app.cli import main")
    assert compileall.compile_file(str(launcher), quiet=1)


def test_launcher_shadows_no_module(settings: ReleaseSettings, tmp_path: Path) -> None:
    launcher = write_launcher(settings, tmp_path)
    assert not launcher.stem.isidentifier()
    assert [path.name for path in launcher.parent.iterdir()] == ["start-tiny.py"]
