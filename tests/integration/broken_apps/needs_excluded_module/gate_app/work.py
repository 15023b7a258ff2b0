"""Opens connections after all."""


def work(*words: str) -> int:
    """Prepare one."""
    import ssl

    print(ssl.create_default_context())
    return 0
