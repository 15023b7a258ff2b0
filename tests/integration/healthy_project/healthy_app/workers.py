"""What worker processes run."""


def square(number: int) -> int:
    """The number times itself."""
    return number * number
