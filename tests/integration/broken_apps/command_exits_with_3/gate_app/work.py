"""Returns a count as its exit code."""


def work(*words: str) -> int:
    """Succeed with exit code 3."""
    print("done")
    return 3
