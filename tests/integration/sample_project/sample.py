"""A module with the same name as the program, which is common."""

PROGRAM = "sample"
