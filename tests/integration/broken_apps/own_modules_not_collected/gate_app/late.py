"""Imported only by name."""
