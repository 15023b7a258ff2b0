"""Patches a library before the app starts."""

import platformdirs

platformdirs.is_patched = True  # type: ignore[attr-defined]
