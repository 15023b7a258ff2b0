from importlib.metadata import PathDistribution
from pathlib import Path

from release_tools.freeze.records import record_entries

ROWS = [
    ("views/__init__.py", "sha256=aa", 10),
    ("views/late.py", "sha256=bb", 20),
    ("views/page.html", "sha256=cc", 30),
    ("views/fast.so", "sha256=dd", 40),
    ("views-1.0.dist-info/METADATA", "sha256=ee", 50),
    ("bin/views", "sha256=ff", 60),
]


def write(folder: Path, *files: str) -> dict[str, str]:
    entries = record_entries(
        {"views-1.0.dist-info": ROWS},
        modules={"views"},
        files={"views/page.html", "views/fast.so", "views-1.0.dist-info/METADATA", *files},
        rewritten={"views/fast.so"},
        folder=folder,
    )
    assert {kind for *_, kind in entries} == {"DATA"}
    return {name: Path(source).read_text(encoding="utf-8") for name, source, _ in entries}


def test_record_has_what_is_bundled(tmp_path: Path) -> None:
    assert write(tmp_path)["views-1.0.dist-info/RECORD"].splitlines() == [
        "views/__init__.py,,",
        "views/page.html,sha256=cc,30",
        "views/fast.so,,",
        "views-1.0.dist-info/METADATA,sha256=ee,50",
        "views-1.0.dist-info/RECORD,,",
    ]


def test_missing_top_level_names_are_added(tmp_path: Path) -> None:
    assert write(tmp_path)["views-1.0.dist-info/top_level.txt"] == "views\n"
    assert set(write(tmp_path, "views-1.0.dist-info/top_level.txt")) == {"views-1.0.dist-info/RECORD"}


def test_metadata_reads_the_record(tmp_path: Path) -> None:
    write(tmp_path)
    (tmp_path / "views").mkdir()
    (tmp_path / "views" / "page.html").touch()
    files = PathDistribution(tmp_path / "views-1.0.dist-info").files
    assert files is not None
    assert {str(path) for path in files} == {"views/page.html", "views-1.0.dist-info/RECORD"}
