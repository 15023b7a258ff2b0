"""Merged by hand, late at night."""

<<<<<<< ours
