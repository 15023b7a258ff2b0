"""Contains an unresolved merge conflict."""

<<<<<<< ours
