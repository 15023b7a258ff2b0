# ruff: noqa: INP001
"""A hook for PyInstaller: `help()` imports pydoc, which is bundled with the standard library without what it imports.

Otherwise every app would have an HTTP server and OpenSSL.
"""

excludedimports = ["pydoc"]
