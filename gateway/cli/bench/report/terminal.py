"""Progress and tables in the terminal."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from rich.cells import cell_len
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

from gateway.cli.bench.plan import Plan, Subject
from gateway.cli.bench.report.table import ESTIMATED, Column, performance, problems, roi, roi_title
from gateway.cli.bench.results import Line, Results
from gateway.cli.bench.sample import Sample
from gateway.cli.chat.sanitize import safe_line

PROGRESS_LINES = 10
"""Number of progress lines if standard error is not a terminal."""
WIDTH = 160
"""Width in columns if the output is not a terminal: wide enough for every figure on one line."""
COLUMN_GAP = 2
"""Spaces between two columns of a table."""
TARGET = Column("Target", lambda line: line.subject.label, left=True)
"""First column of a split table: provider and model in one column."""


def console(*, stderr: bool = False) -> Console:
    """Build the console for standard output or standard error."""
    terminal = Console(stderr=stderr, highlight=False)
    return terminal if terminal.is_terminal else Console(stderr=stderr, highlight=False, width=WIDTH)


@contextmanager
def progress(screen: Console, plan: Plan) -> Iterator[Callable[[Subject, Sample], None]]:
    """Display progress as a bar, or as lines without a terminal. The caller passes each sample to the function."""
    count = _Count(plan.total)
    if not screen.is_terminal:
        yield lambda subject, sample: count.add(sample, lambda: screen.print(count.line(subject), soft_wrap=True))
        return
    columns = (
        SpinnerColumn(),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(elapsed_when_finished=True),
        TextColumn("{task.description}", markup=False),
    )
    with Progress(*columns, console=screen, transient=True) as bar:
        task = bar.add_task("", total=plan.total)

        def add(subject: Subject, sample: Sample) -> None:
            count.add(sample, lambda: None)
            bar.update(task, advance=1, description=count.describe(subject))

        yield add


class _Count:
    """Counts the requests that ended, and decides when to print a line."""

    def __init__(self, total: int) -> None:
        self._total = total
        self._done = self._failed = self._printed = 0

    def add(self, sample: Sample, print_line: Callable[[], None]) -> None:
        self._done += 1
        self._failed += sample.failure is not None
        if self._done * PROGRESS_LINES // self._total > self._printed:
            self._printed = self._done * PROGRESS_LINES // self._total
            print_line()

    def line(self, subject: Subject) -> Text:
        return Text(f"[{self._done:>{len(str(self._total))}}/{self._total}] {self.describe(subject)}")

    def describe(self, subject: Subject) -> str:
        failed = f", {self._failed} failed" if self._failed else ""
        return f"{safe_line(subject.label)}{failed}"


def show(screen: Console, results: Results) -> None:
    """Print the tables, their notes, and all failures."""
    _print(screen, performance(), results.lines)
    if any(line.figures.tokens and not line.figures.tokens.exact for line in results.lines):
        screen.print(f"{ESTIMATED} estimated: the provider did not report its tokens", style="dim")
    screen.print()
    screen.print(Text(roi_title(results), style="bold"))
    _print(screen, roi(results), results.lines)
    if results.interrupted:
        screen.print("\nInterrupted: these are the figures of the requests that had ended.", style="yellow")
    for problem in problems(results):
        screen.print(Text(safe_line(problem), style="red"))


def _print(screen: Console, columns: Sequence[Column], lines: Sequence[Line]) -> None:
    for number, part in enumerate(_split(columns, lines, screen.width)):
        if number:
            screen.print()
        screen.print(_table(part, lines))


def _split(columns: Sequence[Column], lines: Sequence[Line], width: int) -> list[list[Column]]:
    """Split columns into as many tables as the width requires; each starts with the column `TARGET`."""
    if sum(_width(column, lines) + COLUMN_GAP for column in columns) - COLUMN_GAP <= width:
        return [list(columns)]
    # A name that is longer than half of the width is folded.
    available = width - min(_width(TARGET, lines), width // 2)
    parts: list[list[Column]] = []
    left = 0
    for column in (column for column in columns if not column.left):
        needed = COLUMN_GAP + _width(column, lines)
        if not parts or column.breaks or needed > left:
            parts.append([TARGET])
            left = available
        parts[-1].append(column)
        left -= needed
    return parts


def _width(column: Column, lines: Sequence[Line]) -> int:
    return max(cell_len(text) for text in (*column.title.split("\n"), *(_cell(column, line) for line in lines)))


def _cell(column: Column, line: Line) -> str:
    return safe_line(column.cell(line))


def _table(columns: Sequence[Column], lines: Sequence[Line]) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, COLUMN_GAP, 0, 0))
    for column in columns:
        table.add_column(
            column.title,
            justify="left" if column.left else "right",
            no_wrap=not column.left,
            overflow="fold",
            vertical="bottom" if column.left else "top",
        )
    for line in lines:
        table.add_row(*(Text(_cell(column, line)) for column in columns))
    return table
