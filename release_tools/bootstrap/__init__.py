"""What Nox and Invoke load into their own interpreters, before any environment exists: standard library only."""
