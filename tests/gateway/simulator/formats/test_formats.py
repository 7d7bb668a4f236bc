"""Contract of all wire formats: each encodes all of a script, and the same conversation is the same request."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.simulator.errors import RequestError
from gateway.simulator.formats import FORMATS, ProviderFormat, format_for_path
from gateway.simulator.formats.base import COMMENT, ScriptedResponse
from gateway.simulator.refusals import simulated_error
from gateway.simulator.request import Request, Turn
from gateway.simulator.script import Script, compose, deltas
from gateway.simulator.settings import Fault, SimulatorSettings
from gateway.simulator.texts import CORPORA, Language
from gateway.simulator.timeline import End, Step, timeline
from tests.gateway.simulator.format_clients import CLIENTS, FormatClient, ParsedResponse

TURNS = [Turn("system", "Be brief."), Turn("user", "Why do streams stall?")]
CONVERSATIONS = {
    "first": TURNS,
    "feedback": [*TURNS, Turn("assistant", "They stall when"), Turn("user", "Shorter, tiếng Việt")],
    "tool": [*TURNS, Turn("assistant"), Turn("tool", "21 degrees")],
}
each_format = pytest.mark.parametrize("api", CLIENTS, ids=lambda api: api.name)
languages = st.sampled_from(list(CORPORA))


@dataclass
class Case:
    """A client, its format, and the response of the simulator to a request."""

    api: FormatClient
    provider_format: ProviderFormat
    script: Script
    response: ScriptedResponse
    settings: SimulatorSettings

    def steps(self, max_count: int = 10_000) -> list[Step]:
        """Return the steps of the stream."""
        encoder = self.provider_format.stream_encoder(self.response)
        return list(islice(timeline(self.script, self.settings, encoder), max_count))

    def parse_stream(self) -> ParsedResponse:
        """Return what the client parses of the stream."""
        return self.api.parse_stream(b"".join(step.data for step in self.steps()))


def path_of(api: FormatClient) -> str:
    return api.path(stream=True).partition("?")[0]


def parse_request(api: FormatClient, body: Mapping[str, object], *, stream: bool = True) -> Request:
    method = "streamGenerateContent" if stream else "generateContent"
    parameters = {"model": "sim-instant", "method": method, "alt": "sse"}
    return format_for_path(path_of(api)).parse_request(json.dumps(body).encode(), api.headers, parameters)


def make_case(
    api: FormatClient, settings: SimulatorSettings, turns: Sequence[Turn] = TURNS, limit: int = 100_000
) -> Case:
    request = parse_request(api, api.request_body(turns, stream=True, limit=limit))
    provider_format = format_for_path(path_of(api))
    script = compose(request, settings)
    response = ScriptedResponse(
        script=script, id=f"{provider_format.prefix}0123", created=5, model="sim", with_usage=True
    )
    return Case(api, provider_format, script, response, settings)


def expected_of(script: Script) -> ParsedResponse:
    """Return what a client of any format should parse."""
    usage = script.usage
    return ParsedResponse(
        text=script.text,
        reasoning=script.reasoning,
        calls=[(call.name, json.loads(call.arguments)) for call in script.tool_calls],
        finish=script.finish_reason,
        usage=(usage.prompt, usage.completion, usage.cached, usage.reasoning),
        ended=True,
    )


def test_each_format_has_its_path() -> None:
    assert {format_for_path(path_of(api)) for api in CLIENTS} == set(FORMATS.values())


@pytest.mark.parametrize("name", CONVERSATIONS)
@pytest.mark.parametrize("stream", [True, False])
def test_the_same_conversation_is_the_same_request(name: str, stream: bool) -> None:
    turns = CONVERSATIONS[name]
    first, *others = [
        parse_request(api, api.request_body(turns, stream=stream, limit=99), stream=stream) for api in CLIENTS
    ]
    assert first.turns == tuple(turns)
    assert (first.max_tokens, first.stream) == (99, stream)
    assert all(request == first for request in others)


@each_format
@given(
    st.builds(
        SimulatorSettings,
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
def test_stream_and_whole_response_have_all_of_the_script(
    api: FormatClient, settings: SimulatorSettings, name: str, limit: int
) -> None:
    case = make_case(api, settings, CONVERSATIONS[name], limit)
    assert case.parse_stream() == expected_of(case.script)
    assert api.parse_response(case.provider_format.encode_response(case.response)) == expected_of(case.script)


@each_format
@pytest.mark.parametrize("language", list(CORPORA))
def test_text_is_encoded_in_every_language(api: FormatClient, language: Language) -> None:
    case = make_case(api, SimulatorSettings(length=300, language=language))
    assert len(case.script.text) == 300
    assert case.parse_stream().text == case.script.text


@pytest.mark.parametrize("api", CLIENTS[:3], ids=lambda api: api.name)
def test_stop_strings_are_parsed_where_the_format_has_them(api: FormatClient) -> None:
    request = parse_request(api, api.request_body(TURNS, stream=True, limit=100, stops=["streams"]))
    assert request.stops == ("streams",)


@each_format
def test_usage_can_be_left_out(api: FormatClient) -> None:
    case = make_case(api, SimulatorSettings(length=20, reasoning=20))
    without_usage = ScriptedResponse(script=case.script, id="x_1", created=5, model="sim", with_usage=False)
    encoder = case.provider_format.stream_encoder(without_usage)
    middle = (encoder.delta(delta) for delta in deltas(case.script))
    stream = b"".join([encoder.start(), *middle, *encoder.finish(), encoder.done()])
    for encoded in (stream, case.provider_format.encode_response(without_usage)):
        assert b"okens" not in encoded.replace(b"max_output_tokens", b"")
        assert b"TokenCount" not in encoded


@each_format
@pytest.mark.parametrize(("fault", "end"), [("drop", End.CUT), ("stall", End.SILENCE), ("truncate", None)])
@pytest.mark.parametrize("after", [0, 3])
def test_fault_comes_after_so_many_deltas(api: FormatClient, fault: Fault, end: End | None, after: int) -> None:
    case = make_case(api, SimulatorSettings(fault=fault, after=after, reasoning=30))
    steps = case.steps()
    assert steps[-1].end == end
    parsed = case.api.parse_stream(b"".join(step.data for step in steps))
    texts = [delta.text for delta in deltas(case.script) if delta.kind == "content"]
    assert (parsed.text, parsed.reasoning) == ("".join(texts[:after]), case.script.reasoning)
    assert (parsed.finish, parsed.ended, parsed.error) == (None, False, None)


@each_format
@pytest.mark.parametrize("calls", [0, 2])
def test_garbage_is_one_malformed_line(api: FormatClient, calls: int) -> None:
    case = make_case(api, SimulatorSettings(fault="garbage", tool_calls=calls))
    parsed = case.parse_stream()
    assert parsed.malformed == 1
    parsed.malformed = 0
    assert parsed == expected_of(case.script)


@each_format
@pytest.mark.parametrize("after", [0, 4])
@pytest.mark.parametrize("calls", [0, 2])
def test_error_ends_the_stream(api: FormatClient, after: int, calls: int) -> None:
    parsed = make_case(api, SimulatorSettings(fault="error", after=after, tool_calls=calls)).parse_stream()
    assert parsed.error == "The simulated model failed within the stream."
    assert (parsed.finish, parsed.ended) == (None, False)


@each_format
@pytest.mark.parametrize(("calls", "after", "reasoning"), [(0, 0, 0), (0, 0, 30), (0, 4, 0), (2, 0, 0), (2, 4, 0)])
def test_oversized_line_is_one_more_delta_of_text(api: FormatClient, calls: int, after: int, reasoning: int) -> None:
    # A short text: each delta after the large one copies that in the parser of the test.
    faulty = SimulatorSettings(fault="hugeline", after=after, tool_calls=calls, reasoning=reasoning, length=80)
    case = make_case(api, faulty)
    assert max(len(line) for step in case.steps() for line in step.data.splitlines()) > 4 * 1024 * 1024
    parsed = case.parse_stream()
    assert parsed.text.count("x" * 4 * 1024 * 1024) == 1
    parsed.text = parsed.text.replace("x" * 4 * 1024 * 1024, "")
    assert parsed == expected_of(case.script)


@each_format
def test_pings_are_comments_and_events_without_text(api: FormatClient) -> None:
    case = make_case(api, SimulatorSettings(fault="pings", after=2))
    steps = case.steps(103)
    texts = [delta.text for delta in deltas(case.script)][:2]
    assert sum(step.data == COMMENT for step in steps) >= 49
    assert case.api.parse_stream(b"".join(step.data for step in steps)).text == "".join(texts)


@each_format
def test_trickle_sends_the_same_bytes_one_by_one(api: FormatClient) -> None:
    trickled = make_case(api, SimulatorSettings(fault="trickle", length=40))
    plain = make_case(api, SimulatorSettings(length=40))
    assert all(len(step.data) == 1 for step in trickled.steps())
    assert b"".join(step.data for step in trickled.steps()) == b"".join(step.data for step in plain.steps())


@each_format
def test_only_a_step_with_an_end_is_empty(api: FormatClient) -> None:
    for settings in (SimulatorSettings(tool_calls=2, reasoning=20), SimulatorSettings(fault="drop")):
        assert all(step.data or step.end for step in make_case(api, settings).steps())


@each_format
@pytest.mark.parametrize(("fault", "status"), [("401", 401), ("429", 429), ("500", 500)])
def test_error_has_the_providers_form(api: FormatClient, fault: Fault, status: int) -> None:
    error = simulated_error(SimulatorSettings(fault=fault))
    body, headers = format_for_path(path_of(api)).encode_error(error)
    assert api.parse_error(body) == (api.error_types[status], error.message)
    # Google has the wait in the body.
    assert headers == ({"Retry-After": "1"} if status == 429 and api.name != "generate_content" else {})
    assert (b'"retryDelay":"1s"' in body) == (status == 429 and api.name == "generate_content")


def incomplete_bodies(api: FormatClient) -> Iterator[tuple[dict[str, object], str]]:
    """Yield bodies without a required field, and that field."""
    complete = api.request_body(TURNS, stream=False, limit=99)
    for field in set(complete) & {"model", "messages", "contents", "input"}:
        yield {name: value for name, value in complete.items() if name != field}, field
        yield complete | {field: []}, field


@each_format
def test_error_names_a_missing_field(api: FormatClient) -> None:
    for body, field in incomplete_bodies(api):
        with pytest.raises(RequestError, match=field) as refused:
            parse_request(api, body, stream=False)
        assert refused.value.status == 400


@each_format
@pytest.mark.parametrize("wrong", [b"", b"{", b"[]", b"null"])
def test_body_that_is_not_an_object_is_refused(api: FormatClient, wrong: bytes) -> None:
    with pytest.raises(RequestError, match=r"valid JSON|Change 'body'"):
        format_for_path(path_of(api)).parse_request(wrong, api.headers, {"model": "sim", "method": "generateContent"})
