"""Progress in the terminal; tables are tested with the reports that print them."""

import io

from rich.console import Console

from gateway.cli.bench.terminal import progress


def test_without_a_terminal_progress_is_ten_lines() -> None:
    screen = Console(file=io.StringIO(), width=80)
    with progress(screen, 40) as show:
        for number in range(40):
            show("scripted/[bold]a", number == 7)
    assert isinstance(screen.file, io.StringIO)
    lines = screen.file.getvalue().splitlines()
    assert len(lines) == 10
    assert lines[0] == "[ 4/40] scripted/[bold]a"
    assert lines[-1] == "[40/40] scripted/[bold]a, 1 failed"


def test_in_a_terminal_progress_is_a_bar() -> None:
    screen = Console(file=io.StringIO(), width=80, force_terminal=True)
    with progress(screen, 2) as show:
        show("a", False)
        show("a", False)
    assert isinstance(screen.file, io.StringIO)
    assert "2/2" in screen.file.getvalue()
