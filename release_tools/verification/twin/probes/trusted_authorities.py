"""Counts the certificate authorities that a TLS connection of the program would trust."""

import os
from typing import Any


def answer(_request: None) -> dict[str, Any]:
    """How many were loaded, which folder would be searched for more as they are needed, and how many files it has."""
    try:
        import ssl  # noqa: PLC0415
    except ImportError:
        return {"is_bundled": False}
    loaded = ssl.create_default_context().cert_store_stats()["x509_ca"]
    paths = ssl.get_default_verify_paths()
    places = (paths.openssl_cafile, paths.openssl_capath)
    in_folder = len(os.listdir(paths.capath)) if paths.capath else 0  # noqa: PTH208 - pathlib need not be in the bundle
    return {"is_bundled": True, "loaded": loaded, "in_folder": in_folder, "places": places}
