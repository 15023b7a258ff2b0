"""Uses TLS."""


def work(*words: str) -> int:
    """Create a TLS context."""
    import ssl

    print(ssl.create_default_context())
    return 0
