"""Everything that Nox and Invoke load in their own interpreters. Needs only the standard library of Python 3.11."""
