"""The table in the terminal."""

from rich.console import Console
from rich.text import Text

from gateway.cli.bench.terminal import print_table
from gateway.cli.bench.transports.report.table import MEASURE, columns, notes, problems
from gateway.cli.bench.transports.results import Results
from gateway.cli.chat.sanitize import safe_line


def show(screen: Console, results: Results) -> None:
    """Print the table, its notes, and all failures."""
    if results.measures:
        print_table(screen, columns(results), results.measures, MEASURE)
        screen.print()
    for note in notes(results):
        screen.print(Text(safe_line(note), style="dim"))
    if results.info.interrupted:
        screen.print("Interrupted: these are the figures of the answers that had ended.", style="yellow")
    for problem in problems(results):
        screen.print(Text(safe_line(problem), style="red"))
