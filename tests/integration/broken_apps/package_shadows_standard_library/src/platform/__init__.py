"""The app's platform layer."""
