"""Only an entry point names this module."""


def formal(_name: str) -> str:
    """A greeting for any occasion."""
    return "Good day to you ✓"


if __name__ == "__main__":
    import sys

    print("module", *sys.argv[1:])
