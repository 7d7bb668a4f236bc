"""Reports of results: tables in the terminal, an HTML page, JSON and CSV."""
