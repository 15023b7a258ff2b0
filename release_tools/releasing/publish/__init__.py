"""`invoke publish`, `status` and `discard`: releases on GitHub."""
