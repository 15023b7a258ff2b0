"""Imported only by name."""

TEMPLATE = "formal.txt"
