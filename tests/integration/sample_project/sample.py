"""A module that is called as the program is, which is common."""

PROGRAM = "sample"
