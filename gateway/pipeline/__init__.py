"""Own the tasks and upstream calls of all generations."""
