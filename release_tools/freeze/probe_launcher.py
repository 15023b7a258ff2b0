"""The main script of the probe twin: runs the script that RELEASE_TOOLS_PROBE names inside the frozen interpreter.

A script that defines `answer` is asked: it gets what RELEASE_TOOLS_PROBE_REQUEST holds, and what it returns is written
to RELEASE_TOOLS_PROBE_ANSWER. An ordinary Python can run this too, for the same question to the source environment.
Launcher and probes import next to nothing: what the app does not use is not in the bundle.
"""

import marshal
import multiprocessing
import os

if __name__ == "__main__":
    multiprocessing.freeze_support()
    path = os.environ["RELEASE_TOOLS_PROBE"]
    with open(path, encoding="utf-8") as script:  # noqa: PTH123 - pathlib need not be in the bundle
        code = compile(script.read(), path, "exec")
    names = {"__name__": "__main__", "__file__": path}
    exec(code, names)  # noqa: S102 - that is its purpose
    if "answer" in names:
        with open(os.environ["RELEASE_TOOLS_PROBE_REQUEST"], "rb") as file:  # noqa: PTH123
            request = marshal.load(file)  # noqa: S302 - written by the verification
        answer = names["answer"](request)  # type: ignore[operator]
        with open(os.environ["RELEASE_TOOLS_PROBE_ANSWER"], "wb") as file:  # noqa: PTH123
            marshal.dump(answer, file)
        # Threads that an imported module started must not keep it alive.
        os._exit(0)
