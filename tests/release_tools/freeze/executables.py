"""Executables as the freeze writes them, whose payload the tests read as the running program would."""

import sys
from collections.abc import Mapping
from pathlib import Path

import pytest
from PyInstaller.archive.writers import CArchiveWriter

from release_tools.binaries.compression import compress, zstd_module
from release_tools.freeze import deferred_files, runtime
from release_tools.freeze.deferred_files import Deferral
from release_tools.freeze.runtime import payload


def write_executable(
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    files: Mapping[str, tuple[str, bytes]],
    deferral: Deferral,
) -> Path:
    """Write an executable in `folder` with these files, by name, with PyInstaller's kind and the content."""
    entries = []
    for number, (name, (kind, content)) in enumerate(files.items()):
        source = folder / f"source{number}"
        source.write_bytes(content)
        # Of a symbolic link, the source is the target.
        entries.append((name, content.decode() if kind == "n" else str(source), False, kind))
    # Restores PyInstaller's own at the end.
    monkeypatch.setattr(CArchiveWriter, "_write_entry", CArchiveWriter._write_entry)
    monkeypatch.setattr(CArchiveWriter, "__init__", CArchiveWriter.__init__)
    index = deferred_files.install(deferral, folder / "index", compress)
    archive = folder / "archive"
    CArchiveWriter(str(archive), [*entries, *((name, source, False, "x") for name, source, _ in index)], "libpython")
    path = folder / "executable"
    path.write_bytes(b"program" * 20_000 + archive.read_bytes() + b"section headers" * 5_000)
    return path


def run_as(executable: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the run-time modules read this executable."""
    monkeypatch.setattr(sys, "executable", str(executable))
    monkeypatch.setattr(payload, "descriptor", -1)
    monkeypatch.setattr(payload, "identity", None)
    zstd = next(module for module in [*sys.modules.values()] if getattr(module, "__file__", None) == str(zstd_module()))
    monkeypatch.setattr(runtime, "_zstd", zstd, raising=False)
