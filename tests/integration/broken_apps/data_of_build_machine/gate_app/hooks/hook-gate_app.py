"""A hook that bundles what it finds in the temporary folder."""

import tempfile
from pathlib import Path

found = Path(tempfile.mkdtemp()) / "words.txt"
found.write_text("found", encoding="utf-8")
datas = [(str(found), "corpora")]
