"""Progress and tables in the terminal."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table

from tests.bench.compare import Change
from tests.bench.report.table import NOTHING, PAIRS, lines, noise
from tests.bench.results import Results
from tests.bench.scenarios import RIVALS
from tests.bench.targets import TARGETS

COLOURS = {"better": "green", "worse": "bold red", "missing": "yellow", "new": "cyan", "same": ""}


@contextmanager
def progress(console: Console, total: int) -> Iterator[Callable[[str], None]]:
    """Show a bar of that many turns; what is entered is called as each begins. Without a terminal each is a line."""
    if not console.is_terminal:
        count = iter(range(1, total + 1))
        yield lambda text: console.print(f"[{next(count):>{len(str(total))}}/{total}] {text}", markup=False)
        return
    columns = (
        SpinnerColumn(),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("{task.description}"),
    )
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task("", total=total)
        begun = iter([0])

        def begin(text: str) -> None:
            # The first turn that begins has none before it to be counted as done.
            bar.update(task, description=text, advance=next(begun, 1))

        yield begin


def show(console: Console, results: Results) -> None:
    """Print the table, and what is to be known about it."""
    rivals = [rival for rival in RIVALS if rival in results.targets]
    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
    table.add_column("", no_wrap=True)
    table.add_column("", no_wrap=True)
    for target in results.targets:
        table.add_column(TARGETS[target].title, justify="right", no_wrap=True)
    for rival in rivals:
        table.add_column(f"SSE · WebSocket\n÷ {TARGETS[rival].title}", justify="right", no_wrap=True, style="cyan")
    before = ""
    for line in lines(results):
        title, before = ("" if line.title == before else line.title), line.title
        cells = [line.cells.get(target, NOTHING) for target in results.targets]
        beside = [
            " · ".join(line.ratios[pair] for pair in PAIRS if pair in line.ratios and pair[1] == rival)
            for rival in rivals
        ]
        table.add_row(title, line.metric, *cells, *beside)
    console.print(table)
    console.print(f"\nNoise: {noise(results)}. {results.runs} runs in {results.seconds:.0f} s.", highlight=False)
    for name, reason in results.skipped.items():
        console.print(f"Left out: {TARGETS[name].title}: {reason}", style="yellow", markup=False)
    show_problems(console, results)


def show_problems(console: Console, results: Results) -> None:
    """Print what went wrong."""
    for row in results.rows:
        for problem in row.problems:
            console.print(f"{row.name}, {TARGETS[row.target].title}: {problem}", style="red", markup=False)


def show_changes(console: Console, changes: list[Change], tolerance: float) -> None:
    """Print a comparison."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    for title in ("", "figure", "of"):
        table.add_column(title)
    for title in ("before", "now", "change", ""):
        table.add_column(title, justify="right")
    for change in changes:
        ratio = change.ratio
        table.add_row(
            ratio.row,
            ratio.figure,
            f"{TARGETS[ratio.ours].title} ÷ {TARGETS[ratio.rival].title}",
            _number(change.before),
            _number(change.now),
            NOTHING if change.share is None else f"{change.share:+.0%}",
            change.verdict if change.verdict != "same" else "",
            style=COLOURS[change.verdict],
        )
    console.print(table)
    console.print(f"\nWorse is more than {tolerance:.0%} above the baseline.", highlight=False)


def _number(value: float | None) -> str:
    return NOTHING if value is None else f"{value:.2f}"
