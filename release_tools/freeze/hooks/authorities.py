"""Finds the certificate authorities of a machine that keeps them elsewhere than the build machine.

OpenSSL looks for them in places that were compiled into it. Where these do not exist it trusts nobody, and says so
only when the first connection fails.
"""

import os
import sys

# The build writes the places here.
COMPILED_IN: tuple[str, ...] = ()

WELL_KNOWN = (
    "/etc/ssl/certs/ca-certificates.crt",  # Debian, Ubuntu, Arch, Gentoo, Alpine
    "/etc/pki/tls/certs/ca-bundle.crt",  # Fedora, Red Hat
    "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",  # newer ones of these
    "/etc/ssl/ca-bundle.pem",  # SUSE
    "/var/lib/ca-certificates/ca-bundle.pem",  # newer ones of it
    "/etc/ssl/cert.pem",  # macOS, Alpine
)


def is_filled(path: str) -> bool:
    """Whether it is a file, or a folder that holds something."""
    try:
        return os.path.isfile(path) or bool(os.listdir(path))  # noqa: PTH113, PTH208 - pathlib costs time at every start
    except OSError:
        return False


def find_authorities(compiled_in: tuple[str, ...], well_known: tuple[str, ...]) -> str:
    """The file to name in SSL_CERT_FILE, "" where there is nothing to mend or no file to name."""
    if any(os.environ.get(name) for name in ("SSL_CERT_FILE", "SSL_CERT_DIR")) or any(map(is_filled, compiled_in)):
        return ""
    return next(filter(os.path.isfile, well_known), "")


# On Windows, Python reads the authorities from the system's own store.
chosen = "" if sys.platform == "win32" else find_authorities(COMPILED_IN, WELL_KNOWN)
if chosen:
    os.environ["SSL_CERT_FILE"] = chosen
    # By this child_environment.py tells our choice from the user's, which child processes are to see.
    os.environ["_RELEASE_TOOLS_AUTHORITIES"] = chosen
