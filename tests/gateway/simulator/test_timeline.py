"""Times, order and faults of a stream's steps."""

from itertools import islice, pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.simulator.formats.base import COMMENT, ScriptedResponse
from gateway.simulator.formats.chat_completions import ChatCompletionsEncoder
from gateway.simulator.request import Request, Turn
from gateway.simulator.script import Script, compose, deltas
from gateway.simulator.settings import Fault, SimulatorSettings
from gateway.simulator.timeline import PING_SECONDS, End, Step, timeline

REQUEST = Request(model="sim", turns=(Turn("user", "hi"),))


def make_encoder(script: Script, *, with_usage: bool = False) -> ChatCompletionsEncoder:
    return ChatCompletionsEncoder(
        ScriptedResponse(script=script, id="chatcmpl-1", created=5, model="sim", with_usage=with_usage)
    )


ENCODER = make_encoder(compose(REQUEST, SimulatorSettings()))


def steps_of(settings: SimulatorSettings, *, with_usage: bool = False, max_count: int = 100_000) -> list[Step]:
    script = compose(REQUEST, settings)
    return list(islice(timeline(script, settings, make_encoder(script, with_usage=with_usage)), max_count))


def encode(script: Script, count: int | None = None) -> list[bytes]:
    return [ENCODER.start(), *(ENCODER.delta(delta) for delta in islice(deltas(script), count))]


def test_order_is_role_deltas_finish_usage_done() -> None:
    settings = SimulatorSettings(length=50, reasoning=20, tool_calls=1)
    script = compose(REQUEST, settings)
    encoder = make_encoder(script, with_usage=True)
    middle = [encoder.delta(delta) for delta in deltas(script)]
    expected = [encoder.start(), *middle, *encoder.finish(), encoder.done()]
    assert [step.data for step in steps_of(settings, with_usage=True)] == expected


def test_all_events_but_the_last_count_as_chunks() -> None:
    assert [step.chunks for step in steps_of(SimulatorSettings(length=5))] == [1, 1, 1, 0]


@given(st.floats(0, 1), st.floats(1, 1000), st.integers(1, 2000), st.integers(0, 5000))
def test_speed_holds_whatever_the_jitter(jitter: float, speed: float, length: int, ttft: int) -> None:
    settings = SimulatorSettings(jitter=jitter, speed=speed, length=length, ttft=ttft, chunk=5)
    first, *steps, finish, done = steps_of(settings)
    assert first.due == steps[0].due == ttft / 1000
    assert finish.due == done.due == steps[-1].due
    gap = 5 / speed
    for index, step in enumerate(steps):
        assert abs(step.due - ttft / 1000 - index * gap) <= jitter * gap / 2 + 1e-6


@given(st.floats(0, 1), st.none() | st.integers(1, 20))
def test_time_never_goes_back(jitter: float, chunk: int | None) -> None:
    dues = [step.due for step in steps_of(SimulatorSettings(jitter=jitter, chunk=chunk))]
    assert all(before <= after for before, after in pairwise(dues))


def test_jitter_moves_chunks() -> None:
    even = [step.due for step in steps_of(SimulatorSettings(jitter=0, chunk=5))]
    uneven = [step.due for step in steps_of(SimulatorSettings(jitter=1, chunk=5))]
    assert sum(abs(first - second) > 0.001 for first, second in zip(even, uneven, strict=True)) > 50


def test_speed_zero_makes_all_due_at_once() -> None:
    assert {step.due for step in steps_of(SimulatorSettings(speed=0, ttft=250))} == {0.25}


@pytest.mark.parametrize("after", [0, 1, 7])
@pytest.mark.parametrize(
    ("fault", "last"),
    [("drop", Step(0, b"", 0, End.CUT)), ("stall", Step(0, b"", 0, End.SILENCE)), ("truncate", None)],
)
def test_stream_ends_after_so_many_chunks(fault: Fault, last: Step | None, after: int) -> None:
    settings = SimulatorSettings(fault=fault, after=after, speed=0, ttft=0)
    steps = steps_of(settings)
    if last is not None:
        assert steps.pop() == last
    assert [step.data for step in steps] == encode(compose(REQUEST, settings), after)
    assert all(step.end is None for step in steps)


def test_error_event_is_the_last() -> None:
    *_, before, last = steps_of(SimulatorSettings(fault="error", after=3))
    assert last.data.startswith(b'data: {"error":{"message":')
    assert b'"content"' in before.data


@pytest.mark.parametrize(("fault", "odd"), [("garbage", ENCODER.malformed()), ("hugeline", ENCODER.oversized())])
def test_odd_line_comes_in_between_and_the_stream_goes_on(fault: Fault, odd: bytes) -> None:
    found = [step.data for step in steps_of(SimulatorSettings(fault=fault, after=3))]
    assert found.index(odd) == 4
    found.remove(odd)
    assert found == [step.data for step in steps_of(SimulatorSettings())]


def test_reasoning_does_not_count() -> None:
    settings = SimulatorSettings(fault="drop", after=0, reasoning=100)
    script = compose(REQUEST, settings)
    reasoning_count = sum(delta.kind == "reasoning" for delta in deltas(script))
    assert [step.data for step in steps_of(settings)[:-1]] == encode(script, reasoning_count)


@pytest.mark.parametrize("fault", ["drop", "truncate", "stall", "error"])
def test_fault_beyond_the_end_comes_at_the_end(fault: Fault) -> None:
    found = [step.data for step in steps_of(SimulatorSettings(fault=fault, after=10_000))]
    assert not {*ENCODER.finish(), ENCODER.done()} & set(found)


def test_pings_never_end_and_carry_no_text() -> None:
    settings = SimulatorSettings(fault="pings", after=2)
    steps = steps_of(settings, max_count=1003)
    pings = steps[3:]
    assert {step.data for step in pings} == {COMMENT, ENCODER.keepalive()}
    assert pings[-1].due - pings[0].due == pytest.approx(499 * PING_SECONDS)


@given(st.sampled_from([0.0, 85.0]), st.integers(0, 60))
def test_trickle_sends_the_same_bytes_one_by_one_in_the_same_time(speed: float, length: int) -> None:
    plain = steps_of(SimulatorSettings(length=length, speed=speed))
    trickled = steps_of(SimulatorSettings(length=length, speed=speed, fault="trickle"))
    assert all(len(step.data) == 1 for step in trickled)
    assert b"".join(step.data for step in trickled) == b"".join(step.data for step in plain)
    assert sum(step.chunks for step in trickled) == sum(step.chunks for step in plain)
    assert trickled[-1].due == pytest.approx(plain[-1].due)
    assert all(before.due <= after.due + 1e-9 for before, after in pairwise(trickled))
