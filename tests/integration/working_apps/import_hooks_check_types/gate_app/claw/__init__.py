"""Checks all types of the package."""

from beartype.claw import beartype_this_package

beartype_this_package()
