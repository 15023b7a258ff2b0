# ruff: noqa: INP001
"""Start the tracer in every process of the app: Python imports this module at start-up if it's on PYTHONPATH."""

import release_tools_tracer  # type: ignore[import-not-found]  # found by Python at run time, in this folder

release_tools_tracer.start()
