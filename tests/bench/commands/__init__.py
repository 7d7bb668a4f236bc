"""The subcommands of `python -m tests.bench`."""
