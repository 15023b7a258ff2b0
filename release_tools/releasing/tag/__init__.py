"""`invoke release`: from the state of the clone to a pushed tag."""
