"""Finds the certificate authorities of a machine that keeps them elsewhere than the build machine.

OpenSSL reads them from places that were compiled into it. Where those don't exist it trusts nobody, and the first
connection fails.
"""

import os
import sys

from .build_facts import OPENSSL_AUTHORITIES

WELL_KNOWN = (
    "/etc/ssl/certs/ca-certificates.crt",  # Debian, Ubuntu, Arch, Gentoo, Alpine
    "/etc/pki/tls/certs/ca-bundle.crt",  # Fedora, Red Hat
    "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",  # newer Fedora and Red Hat
    "/etc/ssl/ca-bundle.pem",  # SUSE
    "/var/lib/ca-certificates/ca-bundle.pem",  # newer SUSE
    "/etc/ssl/cert.pem",  # macOS, Alpine
)


def install() -> None:
    """Name the machine's authorities in SSL_CERT_FILE, unless OpenSSL or the user has some already."""
    # On Windows, Python reads the authorities from the system's own store.
    chosen = "" if sys.platform == "win32" else find_authorities(OPENSSL_AUTHORITIES)
    if chosen:
        os.environ["SSL_CERT_FILE"] = chosen


def find_authorities(compiled_in: tuple[str, ...]) -> str:
    """The file to name in SSL_CERT_FILE; "" if none is needed or there is none."""
    if any(os.environ.get(name) for name in ("SSL_CERT_FILE", "SSL_CERT_DIR")) or any(map(_is_filled, compiled_in)):
        return ""
    return next(filter(os.path.isfile, WELL_KNOWN), "")


def _is_filled(path: str) -> bool:
    try:
        return os.path.isfile(path) or bool(os.listdir(path))  # noqa: PTH113, PTH208 - pathlib costs time at every start
    except OSError:
        return False
