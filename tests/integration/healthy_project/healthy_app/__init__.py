"""An app that uses all that is hard to freeze, and works."""
