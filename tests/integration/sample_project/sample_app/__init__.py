"""A program that greets; each of its commands breaks in a naive PyInstaller build."""
