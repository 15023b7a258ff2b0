"""What the app calls its platform."""
