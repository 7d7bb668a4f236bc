"""The tables in the terminal."""

from rich.console import Console
from rich.text import Text

from gateway.cli.bench.providers.report.table import ESTIMATED, TARGET, performance, problems, roi, roi_title
from gateway.cli.bench.providers.results import Results
from gateway.cli.bench.terminal import print_table
from gateway.cli.chat.sanitize import safe_line


def show(screen: Console, results: Results) -> None:
    """Print the tables, their notes, and all failures."""
    print_table(screen, performance(), results.lines, TARGET)
    if any(line.figures.tokens and not line.figures.tokens.exact for line in results.lines):
        screen.print(f"{ESTIMATED} estimated: the provider did not report its tokens", style="dim")
    screen.print()
    screen.print(Text(roi_title(results), style="bold"))
    print_table(screen, roi(results), results.lines, TARGET)
    if results.interrupted:
        screen.print("\nInterrupted: these are the figures of the requests that had ended.", style="yellow")
    for problem in problems(results):
        screen.print(Text(safe_line(problem), style="red"))
