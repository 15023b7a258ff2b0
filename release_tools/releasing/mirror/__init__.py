"""Mirrors published releases in an S3-compatible store, and says which versions there are."""
