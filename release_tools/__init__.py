"""Turns a Poetry-managed Python app into verified, standalone binaries.

Start reading at `pipeline.py`, the stages of a build in order. Nox and Invoke load `bootstrap/`, which needs only the
standard library of Python 3.11; everything else runs in the locked environment.
"""
