"""What providers send, byte by byte, and what clients get: one file and one line in a table for each case."""
