"""Stage 3, freeze: from the installed project to one executable."""
