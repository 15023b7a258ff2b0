"""Compares this library's executables and builds with those of plain PyInstaller (`nox -s bench`)."""
