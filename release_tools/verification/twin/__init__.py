"""Checks that run probes in the executable's twin, which has the same bundle."""
