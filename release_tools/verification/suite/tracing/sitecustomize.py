# ruff: noqa: INP001
"""Python imports this by itself at every start, when its folder is on PYTHONPATH: so are the app's processes traced."""

import release_tools_tracer  # type: ignore[import-not-found]  # found by Python at run time, in this folder

release_tools_tracer.start()
