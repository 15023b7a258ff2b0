"""Code that runs in worker processes."""


def square(number: int) -> int:
    """Square a number."""
    return number * number
