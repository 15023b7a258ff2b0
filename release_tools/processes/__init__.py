"""Starts other programs, kills them, and forwards signals to them."""
