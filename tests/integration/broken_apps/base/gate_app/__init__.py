"""An app that works. Each broken app replaces some of its files."""
