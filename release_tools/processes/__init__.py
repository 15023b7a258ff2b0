"""Starting other programs, ending them, and passing signals on to them."""
