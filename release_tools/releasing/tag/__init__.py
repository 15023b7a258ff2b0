"""`invoke release`: from the state of the repository to a pushed tag."""
