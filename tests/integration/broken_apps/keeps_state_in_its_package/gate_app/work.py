"""Remembers its words until the next start."""

from gate_app.folders import STATE


def work(*words: str) -> int:
    """Keep the words."""
    STATE.write_text(" ".join(words), encoding="utf-8")
    print("done", *words)
    return 0
