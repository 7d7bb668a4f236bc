"""Write the tables of the documentation from results, by default from the baseline."""

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from tests.bench.commands.files import BASELINE
from tests.bench.processes import CHECKOUT
from tests.bench.report.markdown import fill
from tests.bench.results import Results, load

PAGES: Final = tuple(
    CHECKOUT / page
    for page in (
        "README.md",
        "docs/performance.md",
        "docs/sse-or-websocket.md",
        "docs/comparison.md",
        "docs/operations/tuning.md",
    )
)
"""Pages that have parts between marks."""


def main(arguments: Sequence[str]) -> int:
    """Write the pages; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench table", description=__doc__)
    parser.add_argument("file", type=Path, nargs="?", default=BASELINE, metavar="FILE", help="default %(default)s")
    write_pages(load(parser.parse_args(arguments).file))
    return 0


def write_pages(results: Results) -> None:
    """Write all parts of the pages."""
    for page in PAGES:
        page.write_text(fill(page.read_text("utf-8"), results), "utf-8")
        print(f"Written: {page}")
