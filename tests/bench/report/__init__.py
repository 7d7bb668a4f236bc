"""Results to look at: in the terminal, and as a page."""
