"""Better than the original."""
