"""Progress and tables of a benchmark in the terminal."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

from gateway.cli.bench.tables import COLUMN_GAP, Column, Row, split
from gateway.cli.chat.sanitize import safe_line

PROGRESS_LINES = 10
"""Number of progress lines if standard error is not a terminal."""
WIDTH = 160
"""Width in columns if the output is not a terminal: wide enough for every figure on one line."""


def console(*, stderr: bool = False) -> Console:
    """Build the console for standard output or standard error."""
    terminal = Console(stderr=stderr, highlight=False)
    return terminal if terminal.is_terminal else Console(stderr=stderr, highlight=False, width=WIDTH)


@contextmanager
def progress(screen: Console, total: int) -> Iterator[Callable[[str, bool], None]]:
    """Display progress as a bar, or as lines without a terminal.

    The caller passes the label of each request that has ended to the function, and whether it failed.
    """
    count = _Count(total)
    if not screen.is_terminal:
        yield lambda label, failed: count.add(
            failed=failed, print_line=lambda: screen.print(count.line(label), soft_wrap=True)
        )
        return
    columns = (
        SpinnerColumn(),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(elapsed_when_finished=True),
        TextColumn("{task.description}", markup=False),
    )
    with Progress(*columns, console=screen, transient=True) as bar:
        task = bar.add_task("", total=total)

        def add(label: str, failed: bool) -> None:  # noqa: FBT001 - a callback
            count.add(failed=failed, print_line=lambda: None)
            bar.update(task, advance=1, description=count.describe(label))

        yield add


class _Count:
    """Counts the requests that ended, and decides when to print a line."""

    def __init__(self, total: int) -> None:
        self._total = total
        self._done = self._failed = self._printed = 0

    def add(self, *, failed: bool, print_line: Callable[[], None]) -> None:
        self._done += 1
        self._failed += failed
        if self._done * PROGRESS_LINES // self._total > self._printed:
            self._printed = self._done * PROGRESS_LINES // self._total
            print_line()

    def line(self, label: str) -> Text:
        return Text(f"[{self._done:>{len(str(self._total))}}/{self._total}] {self.describe(label)}")

    def describe(self, label: str) -> str:
        failed = f", {self._failed} failed" if self._failed else ""
        return f"{safe_line(label)}{failed}"


def print_table(screen: Console, columns: Sequence[Column[Row]], rows: Sequence[Row], first: Column[Row]) -> None:
    """Print a table; one that is too wide as several, each with the column `first`."""
    for number, part in enumerate(split(columns, rows, screen.width, first)):
        if number:
            screen.print()
        screen.print(_table(part, rows))


def _table(columns: Sequence[Column[Row]], rows: Sequence[Row]) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, COLUMN_GAP, 0, 0))
    for column in columns:
        table.add_column(
            column.title,
            justify="left" if column.left else "right",
            no_wrap=not column.left,
            overflow="fold",
            vertical="bottom" if column.left else "top",
        )
    for row in rows:
        table.add_row(*(Text(column.text(row)) for column in columns))
    return table
