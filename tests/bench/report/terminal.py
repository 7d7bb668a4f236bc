"""Progress and tables in the terminal."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table

from tests.bench.compare import Change
from tests.bench.report.table import NOTHING, describe_noise, reference_title, references, table_lines
from tests.bench.results import Results
from tests.bench.targets import title_of

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
    compared = references(results)
    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
    for title in ("", "", ""):
        table.add_column(title, no_wrap=True)
    table.add_column("median", justify="right", no_wrap=True)
    table.add_column("lowest to highest", justify="right", no_wrap=True, style="dim")
    for name in compared:
        table.add_column(f"÷ {reference_title(name)}", justify="right", no_wrap=True, style="cyan")
    scenario = metric = ""
    for line in table_lines(results):
        shown_scenario = "" if line.title == scenario else line.title
        shown_metric = "" if (line.title, line.metric) == (scenario, metric) else line.metric
        scenario, metric = line.title, line.metric
        ratios = [line.ratios.get(name, "") for name in compared]
        table.add_row(shown_scenario, shown_metric, title_of(line.target), line.median, line.spread, *ratios)
    console.print(table)
    console.print(
        f"\nNoise: {describe_noise(results)}. {results.runs} runs in {results.seconds:.0f} s.", highlight=False
    )
    show_skipped(console, results)
    show_problems(console, results)


def show_skipped(console: Console, results: Results) -> None:
    """Print what was left out."""
    for name, reason in results.skipped.items():
        console.print(f"Left out: {title_of(name)}: {reason}", style="yellow", markup=False)


def show_problems(console: Console, results: Results) -> None:
    """Print all problems."""
    for row in results.rows:
        for problem in row.problems:
            console.print(f"{row.name}, {title_of(row.target)}: {problem}", style="red", markup=False)


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
            f"{title_of(ratio.ours)} ÷ {title_of(ratio.other)}",
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
