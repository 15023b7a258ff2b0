"""Stage 5, verify: prove that what was packaged works. `checks.py` is the table of everything that is checked."""
