"""The plan of a run."""

from collections import Counter

from gateway.cli.bench.transports.plan import Plan


def test_transports_take_turns_and_each_round_begins_with_another() -> None:
    turns = list(Plan(("sse", "ws", "poll"), rounds=4).turns())
    assert [number for number, _ in turns] == [0, 0, 0, 1, 1, 1, 2, 2, 2, 3, 3, 3]
    assert [transport for _, transport in turns[::3]] == ["sse", "ws", "poll", "sse"]
    assert set(Counter(transport for _, transport in turns).values()) == {4}


def test_the_start_names_the_model_if_there_is_one() -> None:
    assert Plan(model="m").body["model"] == "m"
    assert "model" not in Plan(model=None).body
    assert Plan(rounds=3, concurrency=2).total == 24
