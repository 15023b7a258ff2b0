"""Checks that run probes inside the executable's twin, which holds the same bundle."""
