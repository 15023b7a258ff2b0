"""Hides the module `work.py`."""
