"""Stage 2, preflight: what would fail the build or break the binary, found before any work."""
