"""Imported by a name in a file."""
