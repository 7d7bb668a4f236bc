"""The log: its lines, their forms, and the thread that writes them."""
