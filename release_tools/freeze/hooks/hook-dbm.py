# ruff: noqa: INP001
"""A hook for PyInstaller: `dbm` imports its back ends by name. That of GNU dbm is left out: it's under the GPL."""

hiddenimports = ["dbm.dumb", "dbm.ndbm", "dbm.sqlite3"]
