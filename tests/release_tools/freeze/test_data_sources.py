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
