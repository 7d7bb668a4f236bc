from itertools import islice, pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.simulator.request import Request, Turn
from gateway.simulator.script import Script, compose, deltas
from gateway.simulator.settings import Fault, Settings
from gateway.simulator.timeline import PING_INTERVAL, End, Step, timeline
from gateway.simulator.wires.base import COMMENT, Answer
from gateway.simulator.wires.chat_completions import ChunkFrames

REQUEST = Request(model="sim", turns=(Turn("user", "hi"),))


def frames(script: Script, *, with_usage: bool = False) -> ChunkFrames:
    return ChunkFrames(Answer(script=script, id="chatcmpl-1", created=5, model="sim", with_usage=with_usage))


FRAMES = frames(compose(REQUEST, Settings()))


def play(settings: Settings, *, with_usage: bool = False, most: int = 100_000) -> list[Step]:
    script = compose(REQUEST, settings)
    return list(islice(timeline(script, settings, frames(script, with_usage=with_usage)), most))


def told(script: Script, count: int | None = None) -> list[bytes]:
    return [FRAMES.start(), *(FRAMES.delta(delta) for delta in islice(deltas(script), count))]


def test_order_is_role_deltas_finish_usage_done() -> None:
    settings = Settings(length=50, reasoning=20, tool_calls=1)
    script = compose(REQUEST, settings)
    spelled = frames(script, with_usage=True)
    middle = [spelled.delta(delta) for delta in deltas(script)]
    expected = [spelled.start(), *middle, *spelled.finish(), spelled.done()]
    assert [step.data for step in play(settings, with_usage=True)] == expected


def test_all_but_the_last_frame_are_chunks() -> None:
    assert [step.chunks for step in play(Settings(length=5))] == [1, 1, 1, 0]


@given(st.floats(0, 1), st.floats(1, 1000), st.integers(1, 2000), st.integers(0, 5000))
def test_speed_holds_whatever_the_jitter(jitter: float, speed: float, length: int, ttft: int) -> None:
    settings = Settings(jitter=jitter, speed=speed, length=length, ttft=ttft, chunk=5)
    first, *steps, finish, done = play(settings)
    assert first.due == steps[0].due == ttft / 1000
    assert finish.due == done.due == steps[-1].due
    gap = 5 / speed
    for place, step in enumerate(steps):
        assert abs(step.due - ttft / 1000 - place * gap) <= jitter * gap / 2 + 1e-6


@given(st.floats(0, 1), st.none() | st.integers(1, 20))
def test_time_never_goes_back(jitter: float, chunk: int | None) -> None:
    dues = [step.due for step in play(Settings(jitter=jitter, chunk=chunk))]
    assert all(before <= after for before, after in pairwise(dues))


def test_jitter_moves_chunks() -> None:
    even = [step.due for step in play(Settings(jitter=0, chunk=5))]
    uneven = [step.due for step in play(Settings(jitter=1, chunk=5))]
    assert sum(abs(one - other) > 0.001 for one, other in zip(even, uneven, strict=True)) > 50


def test_speed_zero_makes_all_due_at_once() -> None:
    assert {step.due for step in play(Settings(speed=0, ttft=250))} == {0.25}


@pytest.mark.parametrize("after", [0, 1, 7])
@pytest.mark.parametrize(
    ("fault", "last"),
    [("drop", Step(0, b"", 0, End.CUT)), ("stall", Step(0, b"", 0, End.SILENCE)), ("truncate", None)],
)
def test_stream_ends_after_so_many_chunks(fault: Fault, last: Step | None, after: int) -> None:
    settings = Settings(fault=fault, after=after, speed=0, ttft=0)
    steps = play(settings)
    if last is not None:
        assert steps.pop() == last
    assert [step.data for step in steps] == told(compose(REQUEST, settings), after)
    assert all(step.end is None for step in steps)


def test_error_frame_is_the_last() -> None:
    *_, before, last = play(Settings(fault="error", after=3))
    assert last.data.startswith(b'data: {"error":{"message":')
    assert b'"content"' in before.data


@pytest.mark.parametrize(("fault", "odd"), [("garbage", FRAMES.garbage()), ("hugeline", FRAMES.huge())])
def test_odd_line_comes_in_between_and_the_stream_goes_on(fault: Fault, odd: bytes) -> None:
    found = [step.data for step in play(Settings(fault=fault, after=3))]
    assert found.index(odd) == 4
    found.remove(odd)
    assert found == [step.data for step in play(Settings())]


def test_reasoning_does_not_count() -> None:
    settings = Settings(fault="drop", after=0, reasoning=100)
    script = compose(REQUEST, settings)
    thinking = sum(delta.kind == "reasoning" for delta in deltas(script))
    assert [step.data for step in play(settings)[:-1]] == told(script, thinking)


@pytest.mark.parametrize("fault", ["drop", "truncate", "stall", "error"])
def test_fault_beyond_the_end_comes_at_the_end(fault: Fault) -> None:
    found = [step.data for step in play(Settings(fault=fault, after=10_000))]
    assert not {*FRAMES.finish(), FRAMES.done()} & set(found)


def test_pings_never_end_and_carry_no_text() -> None:
    settings = Settings(fault="pings", after=2)
    steps = play(settings, most=1003)
    pings = steps[3:]
    assert {step.data for step in pings} == {COMMENT, FRAMES.nothing()}
    assert pings[-1].due - pings[0].due == pytest.approx(499 * PING_INTERVAL)


@given(st.sampled_from([0.0, 85.0]), st.integers(0, 60))
def test_trickle_sends_the_same_bytes_one_by_one_in_the_same_time(speed: float, length: int) -> None:
    plain = play(Settings(length=length, speed=speed))
    slow = play(Settings(length=length, speed=speed, fault="trickle"))
    assert all(len(step.data) == 1 for step in slow)
    assert b"".join(step.data for step in slow) == b"".join(step.data for step in plain)
    assert sum(step.chunks for step in slow) == sum(step.chunks for step in plain)
    assert slow[-1].due == pytest.approx(plain[-1].due)
    assert all(before.due <= after.due + 1e-9 for before, after in pairwise(slow))
