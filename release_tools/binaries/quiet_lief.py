"""lief, which parses native files, with its messages switched off."""

import lief

__all__ = ["lief"]

# It prints warnings about odd files to stderr.
lief.logging.disable()
# At exit, it would print a screen about every object that's still referenced, as a traceback does.
lief.disable_leak_warning()
