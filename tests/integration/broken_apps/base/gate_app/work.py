"""What a broken app does differently."""


def work(*words: str) -> int:
    """Do nothing, well."""
    print("done", *words)
    return 0
