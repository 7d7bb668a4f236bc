"""The files that the subcommands read and write, and their terminal."""

from typing import Final

from rich.console import Console

from tests.bench.processes import CHECKOUT

RESULTS: Final = CHECKOUT / "build" / "bench" / "results.json"
BASELINE: Final = CHECKOUT / "docs" / "bench" / "baseline.json"


def open_console() -> Console:
    """Return the terminal, or a wide file."""
    console = Console()
    # Lines in a file or pipe are not folded.
    return console if console.is_terminal else Console(width=200)
