"""The command `dualstream`."""

from gateway.cli.main import main

__all__ = ["main"]
