"""Stage 3, freeze: turns the installed project into one executable."""
