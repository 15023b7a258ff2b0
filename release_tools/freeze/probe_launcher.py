"""The main script of the probe twin: runs the script that RELEASE_TOOLS_PROBE names in the frozen interpreter.

If that script defines `answer`, it's called with the content of RELEASE_TOOLS_PROBE_REQUEST, and its result is written
to RELEASE_TOOLS_PROBE_ANSWER. An ordinary Python can run this too, to ask the source environment the same question.
The launcher and probes import as little as possible: the bundle only has what the app uses.
"""

import marshal
import os
import sys

if __name__ == "__main__":
    # As the launcher does.
    if any("multiprocessing" in argument for argument in sys.argv):
        import multiprocessing

        multiprocessing.freeze_support()
    path = os.environ["RELEASE_TOOLS_PROBE"]
    with open(path, encoding="utf-8") as script:  # noqa: PTH123 - pathlib may not be bundled
        code = compile(script.read(), path, "exec")
    # In the frozen interpreter.
    if "_release_tools_runtime.signals" in sys.modules:
        sys.modules["_release_tools_runtime.signals"].start_app()
    names = {"__name__": "__main__", "__file__": path}
    exec(code, names)  # noqa: S102 - the purpose of a probe
    if "answer" in names:
        with open(os.environ["RELEASE_TOOLS_PROBE_REQUEST"], "rb") as file:  # noqa: PTH123
            request = marshal.load(file)  # noqa: S302 - written by the verification
        answer = names["answer"](request)  # type: ignore[operator]
        with open(os.environ["RELEASE_TOOLS_PROBE_ANSWER"], "wb") as file:  # noqa: PTH123
            marshal.dump(answer, file)
        # Don't wait for threads that an imported module started.
        os._exit(0)
