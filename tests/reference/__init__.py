"""The pages of docs/reference that are generated from the code; `python -m tests.reference` writes them."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from tests.reference import cli, events, http, metrics

FOLDER: Final = Path(__file__).parents[2] / "docs" / "reference"

PAGES: Final[Mapping[str, Callable[[], str]]] = {
    "cli.md": cli.page,
    "events.md": events.page,
    "http.md": http.page,
    "metrics.md": metrics.page,
}
"""The text of each page."""
