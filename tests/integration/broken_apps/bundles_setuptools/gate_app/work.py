"""Supports older versions of Python too."""

import sys

if sys.version_info >= (3, 12):
    import tarfile
else:
    from backports import tarfile


def work(*words: str) -> int:
    """Print the module's name."""
    print("done", tarfile.__name__, *words)
    return 0
