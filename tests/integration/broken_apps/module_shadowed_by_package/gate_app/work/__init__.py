"""Hides the module beside it."""
