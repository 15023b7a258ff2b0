"""Kinds of greeting, imported by name at run time."""
