"""Reports of results: in the terminal, and as a page."""
