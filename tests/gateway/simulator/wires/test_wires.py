"""The contract of all wire formats: whatever the script, each tells the same of it, and each request is the same."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.simulator.errors import RequestError
from gateway.simulator.refusals import failure
from gateway.simulator.request import Request, Turn
from gateway.simulator.script import Script, compose, deltas
from gateway.simulator.settings import Fault, Settings
from gateway.simulator.texts import CORPORA, Language
from gateway.simulator.timeline import End, Step, timeline
from gateway.simulator.wires import WIRES, Wire, wire_at
from gateway.simulator.wires.base import COMMENT, Answer
from tests.gateway.simulator.formats import FORMATS, Format, Told

ASKED = [Turn("system", "Be brief."), Turn("user", "Why do streams stall?")]
CONVERSATIONS = {
    "first": ASKED,
    "feedback": [*ASKED, Turn("assistant", "They stall when"), Turn("user", "Shorter, tiếng Việt")],
    "tool": [*ASKED, Turn("assistant"), Turn("tool", "21 degrees")],
}
every_format = pytest.mark.parametrize("form", FORMATS, ids=lambda form: form.name)
languages = st.sampled_from(list(CORPORA))


@dataclass
class Made:
    """A format and what it makes of a request and settings."""

    form: Format
    wire: Wire
    script: Script
    answer: Answer
    settings: Settings

    def steps(self, most: int = 10_000) -> list[Step]:
        """Give the steps of the stream."""
        frames = self.wire.frames(self.answer)
        return list(islice(timeline(self.script, self.settings, frames), most))

    def told(self) -> Told:
        """Give what a client understands of the stream."""
        return self.form.stream(b"".join(step.data for step in self.steps()))


def path_of(form: Format) -> str:
    return form.path(stream=True).partition("?")[0]


def read(form: Format, body: Mapping[str, object], *, stream: bool = True) -> Request:
    method = "streamGenerateContent" if stream else "generateContent"
    place = {"model": "sim-instant", "method": method, "alt": "sse"}
    return wire_at(path_of(form)).read(json.dumps(body).encode(), form.headers, place)


def make(form: Format, settings: Settings, turns: Sequence[Turn] = ASKED, limit: int = 100_000) -> Made:
    request = read(form, form.body(turns, stream=True, limit=limit))
    wire = wire_at(path_of(form))
    script = compose(request, settings)
    answer = Answer(script=script, id=f"{wire.prefix}0123", created=5, model="sim", with_usage=True)
    return Made(form, wire, script, answer, settings)


def told_of(script: Script) -> Told:
    """Give what a client of any format should understand."""
    usage = script.usage
    return Told(
        text=script.text,
        reasoning=script.reasoning,
        calls=[(call.name, json.loads(call.arguments)) for call in script.calls],
        finish=script.finish_reason,
        usage=(usage.prompt, usage.completion, usage.cached, usage.reasoning),
        ended=True,
    )


def test_each_format_has_its_path() -> None:
    assert {wire_at(path_of(form)) for form in FORMATS} == set(WIRES.values())


@pytest.mark.parametrize("name", CONVERSATIONS)
@pytest.mark.parametrize("stream", [True, False])
def test_the_same_conversation_is_the_same_request(name: str, stream: bool) -> None:
    turns = CONVERSATIONS[name]
    first, *others = [read(form, form.body(turns, stream=stream, limit=99), stream=stream) for form in FORMATS]
    assert first.turns == tuple(turns)
    assert (first.max_tokens, first.stream) == (99, stream)
    assert all(request == first for request in others)


@every_format
@given(
    st.builds(
        Settings,
        length=st.integers(0, 400),
        language=languages,
        reasoning=st.integers(0, 100),
        tool_calls=st.integers(0, 3),
        chunk=st.none() | st.integers(1, 9),
        cached=st.floats(0, 1),
    ),
    st.sampled_from(list(CONVERSATIONS)),
    st.sampled_from([16, 100_000]),
)
def test_stream_and_whole_answer_tell_all_of_the_script(
    form: Format, settings: Settings, name: str, limit: int
) -> None:
    made = make(form, settings, CONVERSATIONS[name], limit)
    assert made.told() == told_of(made.script)
    assert form.whole(made.wire.whole(made.answer)) == told_of(made.script)


@every_format
@pytest.mark.parametrize("language", list(CORPORA))
def test_text_comes_in_every_language(form: Format, language: Language) -> None:
    made = make(form, Settings(length=300, language=language))
    assert len(made.script.text) == 300
    assert made.told().text == made.script.text


@pytest.mark.parametrize("form", FORMATS[:3], ids=lambda form: form.name)
def test_stop_strings_are_read_where_the_format_has_them(form: Format) -> None:
    request = read(form, form.body(ASKED, stream=True, limit=100, stops=["streams"]))
    assert request.stops == ("streams",)


@every_format
def test_usage_can_be_kept_quiet(form: Format) -> None:
    made = make(form, Settings(length=20, reasoning=20))
    quiet = Answer(script=made.script, id="x_1", created=5, model="sim", with_usage=False)
    frames = made.wire.frames(quiet)
    middle = (frames.delta(delta) for delta in deltas(made.script))
    stream = b"".join([frames.start(), *middle, *frames.finish(), frames.done()])
    for spelled in (stream, made.wire.whole(quiet)):
        assert b"okens" not in spelled.replace(b"max_output_tokens", b"")
        assert b"TokenCount" not in spelled


@every_format
@pytest.mark.parametrize(("fault", "end"), [("drop", End.CUT), ("stall", End.SILENCE), ("truncate", None)])
@pytest.mark.parametrize("after", [0, 3])
def test_cut_comes_after_so_many_deltas(form: Format, fault: Fault, end: End | None, after: int) -> None:
    made = make(form, Settings(fault=fault, after=after, reasoning=30))
    steps = made.steps()
    assert steps[-1].end == end
    told = made.form.stream(b"".join(step.data for step in steps))
    said = [delta.text for delta in deltas(made.script) if delta.kind == "content"]
    assert (told.text, told.reasoning) == ("".join(said[:after]), made.script.reasoning)
    assert (told.finish, told.ended, told.error) == (None, False, None)


@every_format
@pytest.mark.parametrize("calls", [0, 2])
def test_garbage_is_one_broken_line(form: Format, calls: int) -> None:
    made = make(form, Settings(fault="garbage", tool_calls=calls))
    told = made.told()
    assert told.broken == 1
    told.broken = 0
    assert told == told_of(made.script)


@every_format
@pytest.mark.parametrize("after", [0, 4])
@pytest.mark.parametrize("calls", [0, 2])
def test_error_ends_the_stream(form: Format, after: int, calls: int) -> None:
    told = make(form, Settings(fault="error", after=after, tool_calls=calls)).told()
    assert told.error == "The simulated model failed within the stream."
    assert (told.finish, told.ended) == (None, False)


@every_format
@pytest.mark.parametrize(("calls", "after", "reasoning"), [(0, 0, 0), (0, 0, 30), (0, 4, 0), (2, 0, 0), (2, 4, 0)])
def test_huge_line_is_one_more_delta_of_text(form: Format, calls: int, after: int, reasoning: int) -> None:
    made = make(form, Settings(fault="hugeline", after=after, tool_calls=calls, reasoning=reasoning))
    assert max(len(line) for step in made.steps() for line in step.data.splitlines()) > 4 * 1024 * 1024
    told = made.told()
    assert told.text.count("x" * 4 * 1024 * 1024) == 1
    told.text = told.text.replace("x" * 4 * 1024 * 1024, "")
    assert told == told_of(made.script)


@every_format
def test_pings_are_comments_and_events_without_text(form: Format) -> None:
    made = make(form, Settings(fault="pings", after=2))
    steps = made.steps(103)
    said = [delta.text for delta in deltas(made.script)][:2]
    assert sum(step.data == COMMENT for step in steps) >= 49
    assert made.form.stream(b"".join(step.data for step in steps)).text == "".join(said)


@every_format
def test_trickle_sends_the_same_bytes_one_by_one(form: Format) -> None:
    slow = make(form, Settings(fault="trickle", length=40))
    plain = make(form, Settings(length=40))
    assert all(len(step.data) == 1 for step in slow.steps())
    assert b"".join(step.data for step in slow.steps()) == b"".join(step.data for step in plain.steps())


@every_format
def test_no_step_is_empty_but_one_that_ends(form: Format) -> None:
    for settings in (Settings(tool_calls=2, reasoning=20), Settings(fault="drop")):
        assert all(step.data or step.end for step in make(form, settings).steps())


@every_format
@pytest.mark.parametrize(("fault", "status"), [("401", 401), ("429", 429), ("500", 500)])
def test_refusal_is_in_the_providers_words(form: Format, fault: Fault, status: int) -> None:
    error = failure(Settings(fault=fault))
    body, headers = wire_at(path_of(form)).refusal(error)
    assert form.refusal(body) == (form.refusals[status], error.message)
    # Google says it in the body.
    assert headers == ({"Retry-After": "1"} if status == 429 and form.name != "generate_content" else {})
    assert (b'"retryDelay":"1s"' in body) == (status == 429 and form.name == "generate_content")


def broken(form: Format) -> Iterator[tuple[dict[str, object], str]]:
    """Give bodies that lack something, and what the refusal names."""
    good = form.body(ASKED, stream=False, limit=99)
    for field in set(good) & {"model", "messages", "contents", "input"}:
        yield {name: value for name, value in good.items() if name != field}, field
        yield good | {field: []}, field


@every_format
def test_body_that_lacks_something_is_refused_and_the_field_named(form: Format) -> None:
    for body, field in broken(form):
        with pytest.raises(RequestError, match=field) as refused:
            read(form, body, stream=False)
        assert refused.value.status == 400


@every_format
@pytest.mark.parametrize("wrong", [b"", b"{", b"[]", b"null"])
def test_body_that_is_no_object_is_refused(form: Format, wrong: bytes) -> None:
    with pytest.raises(RequestError, match=r"valid JSON|Change 'body'"):
        wire_at(path_of(form)).read(wrong, form.headers, {"model": "sim", "method": "generateContent"})
