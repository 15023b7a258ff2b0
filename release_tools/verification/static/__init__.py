"""Checks that read the archive's bytes and start nothing, so they run on any machine."""
