"""Shows what an executable's size comes from (`nox -s size`)."""
