"""The table and what stands below it."""

from gateway.cli.bench.formats import UNKNOWN
from gateway.cli.bench.transports.plan import Plan
from gateway.cli.bench.transports.report.table import columns, notes, problems
from gateway.cli.bench.transports.results import build_results
from tests.gateway.cli.bench.transports.examples import INFO, MACHINE, mixed, samples


def row(name: str) -> list[str]:
    results = mixed()
    measure = next(each for each in results.measures if each.name == name)
    return [column.text(measure) for column in columns(results)]


def test_cells_of_measures() -> None:
    assert row("delay") == ["Delay of a chunk", "3.1 ms", "4.4 ms", "1.6 ms", "2.4 ms", "-1.5 ms, 10 of 10 rounds"]
    assert row("received")[1:] == ["100 B", "100 B", "120 B", "120 B", "+20 B, 10 of 10 rounds"]
    assert row("stop_end")[-1] == "~"
    assert row("reconnect")[-1] == "~"


def test_the_notes_say_what_the_delays_are() -> None:
    assert not any("delay" in note.lower() for note in notes(mixed()))
    assert any("No delay of chunks" in note for note in notes(mixed(stamped=False)))
    plan = Plan(["sse"])
    assert [column.title for column in columns(build_results(plan, samples(), [], INFO, MACHINE))] == [
        "",
        "SSE\np50",
        "\np99",
    ]
    assert f"load of this machine: 0.25 at the beginning, {UNKNOWN} at the end; 2 CPUs" in notes(mixed())


def test_failures_are_listed() -> None:
    assert problems(mixed()) == ["WebSocket: timeout, 1 times: The answer took <longer> than 60 seconds."]
