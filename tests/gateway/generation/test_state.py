"""The table of states, and its diagram in the documentation."""

from pathlib import Path

from gateway.generation.state import TRANSITIONS, State, Trigger, diagram

DESIGN = Path(__file__).parents[3] / "docs" / "design.md"


def test_every_state_has_a_row_and_every_cause_a_use() -> None:
    assert set(TRANSITIONS) == set(State)
    assert {cause for moves in TRANSITIONS.values() for cause in moves} == set(Trigger)


def test_every_state_can_be_reached_and_every_running_one_can_end() -> None:
    reached = {State.QUEUED}
    while (more := {after for state in reached for after in TRANSITIONS[state].values()}) - reached:
        reached |= more
    assert reached == set(State)
    ending = {state for state in State if state.is_terminal}
    while more := {state for state in State if set(TRANSITIONS[state].values()) & ending} - ending:
        ending |= more
    assert ending == set(State)


def test_nothing_leaves_an_end_and_everything_running_can_be_interrupted() -> None:
    for state, moves in TRANSITIONS.items():
        assert bool(moves) is not state.is_terminal
        assert (Trigger.INTERRUPTED in moves) is not (state.is_terminal or state is State.STOPPING)


def test_no_content_behind_the_fence() -> None:
    for state, moves in TRANSITIONS.items():
        assert not (state.fenced and Trigger.CONTENT in moves)


def test_the_documentation_shows_this_table() -> None:
    assert diagram() in DESIGN.read_text("utf-8")
