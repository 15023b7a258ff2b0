"""Turns a Poetry-managed Python app into verified, standalone binaries.

Start reading at `pipeline.py`: it is the table of contents. What Nox and Invoke import (`sessions` and what that
imports) needs nothing but the standard library of Python 3.11; everything else runs in the locked environment.
"""
