"""An app that works, until one thing in it is broken."""
