"""An app that uses everything that's hard to freeze, and works."""
