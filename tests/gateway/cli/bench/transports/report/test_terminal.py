"""The table in the terminal."""

import io

from rich.console import Console

from gateway.cli.bench.transports.plan import Plan
from gateway.cli.bench.transports.report.terminal import show
from gateway.cli.bench.transports.results import Results, build_results
from tests.gateway.cli.bench.transports.examples import INFO, MACHINE, mixed


def printed(results: Results, width: int = 160) -> str:
    screen = Console(file=io.StringIO(), width=width)
    show(screen, results)
    assert isinstance(screen.file, io.StringIO)
    return screen.file.getvalue()


def test_it_shows_table_notes_and_failures() -> None:
    text = printed(mixed())
    assert "Delay of a chunk" in text
    assert "against SSE" in text
    assert "WebSocket: timeout, 1 times" in text


def test_a_narrow_terminal_has_a_table_for_each_transport() -> None:
    text = printed(mixed(), 70)
    assert max(map(len, text.splitlines())) <= 70
    assert text.count("Delay of a chunk") == 3


def test_without_answers_there_are_only_notes() -> None:
    assert "Delay" not in printed(build_results(Plan(), [], [], INFO, MACHINE))
