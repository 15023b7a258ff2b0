import os
from pathlib import Path

from release_tools.freeze.data_sources import unowned_data


def test_data_of_the_build_machine_is_found(tmp_path: Path) -> None:
    site, elsewhere = tmp_path / "site", tmp_path / "site-elsewhere"
    datas = [
        (f"views{os.sep}page.html", str(site / "views" / "page.html"), "DATA"),
        (f"corpora{os.sep}b.txt", str(elsewhere / "b.txt"), "DATA"),
        (f"corpora{os.sep}a.txt", str(elsewhere / "a.txt"), "DATA"),
        ("libssl.so.3", "views.libs/libssl.so.3", "SYMLINK"),
        (f"_tcl_data{os.sep}init.tcl", "/usr/share/tcltk/init.tcl", "DATA"),
    ]
    assert unowned_data(datas, [str(site)]) == [
        ("corpora/a.txt", str(elsewhere / "a.txt")),
        ("corpora/b.txt", str(elsewhere / "b.txt")),
    ]


def test_data_behind_a_link_to_a_distributions_folder_is_owned(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real", target_is_directory=True)
    datas = [("views/page.html", str(tmp_path / "real" / "views" / "page.html"), "DATA")]
    assert unowned_data(datas, [str(tmp_path / "link")]) == []
