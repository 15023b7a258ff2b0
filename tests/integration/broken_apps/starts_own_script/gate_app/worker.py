"""The other script."""


def main() -> None:
    """Print a line."""
    print("done")
