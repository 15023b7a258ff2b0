"""Checks that start the executable."""
