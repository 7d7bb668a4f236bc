"""Progress and tables in the terminal."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table

from tests.bench.compare import Change
from tests.bench.report.table import NOTHING, PAIRS, describe_noise, table_lines
from tests.bench.results import Results
from tests.bench.scenarios import OTHERS
from tests.bench.targets import TARGETS

COLOURS = {"better": "green", "worse": "bold red", "missing": "yellow", "new": "cyan", "same": ""}


@contextmanager
def progress(console: Console, total: int) -> Iterator[Callable[[str], None]]:
    """Show a progress bar of all turns; the function that is returned is called when one starts.

    Outside a terminal each turn is a line.
    """
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
        advances = iter([0])

        def on_start(text: str) -> None:
            # When the first turn starts, none has been completed.
            bar.update(task, description=text, advance=next(advances, 1))

        yield on_start


def show(console: Console, results: Results) -> None:
    """Print the table, the noise, and what was left out."""
    others = [other for other in OTHERS if other in results.targets]
    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
    table.add_column("", no_wrap=True)
    table.add_column("", no_wrap=True)
    for target in results.targets:
        table.add_column(TARGETS[target].title, justify="right", no_wrap=True)
    for other in others:
        table.add_column(f"SSE · WebSocket\n÷ {TARGETS[other].title}", justify="right", no_wrap=True, style="cyan")
    before = ""
    for line in table_lines(results):
        title, before = ("" if line.title == before else line.title), line.title
        cells = [line.cells.get(target, NOTHING) for target in results.targets]
        other_ratios = [
            " · ".join(line.ratios[pair] for pair in PAIRS if pair in line.ratios and pair[1] == other)
            for other in others
        ]
        table.add_row(title, line.metric, *cells, *other_ratios)
    console.print(table)
    console.print(
        f"\nNoise: {describe_noise(results)}. {results.runs} runs in {results.seconds:.0f} s.", highlight=False
    )
    for name, reason in results.skipped.items():
        console.print(f"Left out: {TARGETS[name].title}: {reason}", style="yellow", markup=False)
    show_problems(console, results)


def show_problems(console: Console, results: Results) -> None:
    """Print all problems."""
    for row in results.rows:
        for problem in row.problems:
            console.print(f"{row.name}, {TARGETS[row.target].title}: {problem}", style="red", markup=False)


def show_changes(console: Console, changes: list[Change], tolerance: float) -> None:
    """Print a comparison with the baseline."""
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
            f"{TARGETS[ratio.ours].title} ÷ {TARGETS[ratio.other].title}",
            _number(change.before),
            _number(change.now),
            NOTHING if change.relative is None else f"{change.relative:+.0%}",
            change.verdict if change.verdict != "same" else "",
            style=COLOURS[change.verdict],
        )
    console.print(table)
    console.print(f"\nA ratio is worse if it is more than {tolerance:.0%} above the baseline.", highlight=False)


def _number(value: float | None) -> str:
    return NOTHING if value is None else f"{value:.2f}"
