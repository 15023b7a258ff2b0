"""Readers for the executables and native files of every platform."""
