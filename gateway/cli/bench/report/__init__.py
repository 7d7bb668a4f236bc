"""Results to look at, and to work on with: in the terminal, as a page, as JSON and CSV."""
