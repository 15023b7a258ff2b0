"""Patterns in the project's own code that work from source but fail when frozen: one module for each."""
