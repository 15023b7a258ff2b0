"""Checks of the bytes, which run on any machine."""
