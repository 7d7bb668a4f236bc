"""Reports of results: a table in the terminal, an HTML page and JSON."""
