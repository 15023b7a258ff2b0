"""Checks that run the app's own tests, on the executable and traced from source."""
