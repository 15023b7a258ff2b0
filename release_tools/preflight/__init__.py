"""Stage 2, preflight: finds what would fail the build or break the binary, before the slow stages."""
