"""Count the certificate authorities that the program's TLS connections trust."""

import os
from typing import Any


def answer(_request: None) -> dict[str, Any]:
    """How many are loaded, how many files are in the folder that OpenSSL searches on demand, and both places."""
    try:
        import ssl  # noqa: PLC0415
    except ImportError:
        return {"is_bundled": False}
    loaded = ssl.create_default_context().cert_store_stats()["x509_ca"]
    paths = ssl.get_default_verify_paths()
    places = (paths.openssl_cafile, paths.openssl_capath)
    in_folder = len(os.listdir(paths.capath)) if paths.capath else 0  # noqa: PTH208 - the bundle may lack pathlib
    return {"is_bundled": True, "loaded": loaded, "in_folder": in_folder, "places": places}
