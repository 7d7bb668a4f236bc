"""Scripts: length, language, quotes, feedback, limits, tool calls."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.simulator.graphemes import graphemes
from gateway.simulator.request import Request, Turn
from gateway.simulator.script import compose, deltas
from gateway.simulator.settings import SimulatorSettings
from gateway.simulator.texts import CORPORA, Language

QUESTION = Turn("user", "Why do streams stall?")
PARTIAL = Turn("assistant", "Streams stall when")


def make_request(*turns: Turn, max_tokens: int | None = None, stops: tuple[str, ...] = ()) -> Request:
    return Request(model="sim", turns=turns or (QUESTION,), max_tokens=max_tokens, stops=stops)


def user(text: str) -> Turn:
    return Turn("user", text)


languages = st.sampled_from(list(CORPORA))
any_settings = st.builds(SimulatorSettings, length=st.integers(0, 9000), language=languages, seed=st.integers())


@given(any_settings)
def test_length_is_exact(settings: SimulatorSettings) -> None:
    assert len(compose(make_request(), settings).text) == settings.length


@given(st.integers(0, 3000), languages)
def test_reasoning_has_its_length_and_comes_first(length: int, language: Language) -> None:
    script = compose(make_request(), SimulatorSettings(reasoning=length, language=language))
    assert len(script.reasoning) == length
    kinds = [delta.kind for delta in deltas(script)]
    assert kinds == sorted(kinds, key=["reasoning", "content"].index)


@given(any_settings, st.none() | st.integers(1, 50))
def test_deltas_join_to_the_text(settings: SimulatorSettings, chunk: int | None) -> None:
    script = compose(make_request(), settings)
    assert "".join(delta.text for delta in deltas(script, chunk)) == script.text


@given(any_settings)
def test_deltas_split_no_grapheme(settings: SimulatorSettings) -> None:
    script = compose(make_request(), settings)
    split = [piece for delta in deltas(script) for piece in graphemes(delta.text)]
    assert split == list(graphemes(script.text))


@given(any_settings)
def test_same_seed_gives_the_same_response(settings: SimulatorSettings) -> None:
    assert compose(make_request(), settings) == compose(make_request(), settings)


def test_another_seed_or_other_messages_give_another_response() -> None:
    texts = {compose(make_request(), SimulatorSettings(seed=seed)).text for seed in range(5)}
    assert len(texts) > 1
    seeds = {compose(make_request(user(word)), SimulatorSettings()).seed for word in ("one", "two", "three")}
    assert len(seeds) == 3


@given(any_settings, st.integers(0, 9000))
def test_response_continues_a_prefill(settings: SimulatorSettings, prefill_length: int) -> None:
    whole = compose(make_request(), settings).text
    prefill = whole[:prefill_length].rstrip()
    script = compose(make_request(QUESTION, Turn("assistant", prefill)), settings)
    assert prefill + script.text == whole
    assert script.usage.prompt >= compose(make_request(), settings).usage.prompt


def test_default_length_is_600() -> None:
    assert len(compose(make_request(), SimulatorSettings()).text) == 600


def test_long_text_repeats_paragraphs_only_with_a_link() -> None:
    text = compose(make_request(), SimulatorSettings(length=20_000)).text
    paragraphs = text.split("\n\n")[:-1]
    assert len(set(paragraphs)) > len(CORPORA["english"].paragraphs) * 3


@pytest.mark.parametrize("language", list(CORPORA))
def test_text_quotes_the_question_first(language: Language) -> None:
    text = compose(make_request(), SimulatorSettings(language=language)).text
    assert "Why do streams stall?" in text[:80]


def test_quote_of_a_long_question_is_truncated() -> None:
    text = compose(make_request(user("really " * 500)), SimulatorSettings()).text
    assert text.startswith("You asked: “really really")
    assert text.index("…”") < 100


def test_feedback_on_a_partial_response_is_quoted() -> None:
    text = compose(make_request(QUESTION, PARTIAL, user("Mention the proxy.")), SimulatorSettings()).text
    assert text.startswith("Taking up “Mention the proxy.”")


@pytest.mark.parametrize("language", list(CORPORA))
def test_a_question_after_a_finished_response_is_no_feedback(language: Language) -> None:
    settings = SimulatorSettings(language=language)
    turns = [QUESTION]
    for number in range(4):
        response = compose(make_request(*turns), settings)
        assert response.text[:4] == CORPORA[language].asked[:4]
        turns += [Turn("assistant", response.text), user(f"Is emoji number {number} shorter?")]


@pytest.mark.parametrize(
    "feedback", ["Please make it shorter!", "Ngắn hơn nhé", unicodedata.normalize("NFD", "ngắn hơn")]
)
def test_a_shorter_response_has_a_third_of_the_length(feedback: str) -> None:
    assert len(compose(make_request(QUESTION, PARTIAL, user(feedback)), SimulatorSettings(length=900)).text) == 300


def test_the_word_in_a_first_question_is_not_feedback() -> None:
    assert len(compose(make_request(user("Is a shorter stream better?")), SimulatorSettings(length=900)).text) == 900


@pytest.mark.parametrize(
    ("feedback", "language"),
    [
        ("In Vietnamese please", "vietnamese"),
        ("viết bằng tiếng Việt", "vietnamese"),
        (unicodedata.normalize("NFD", "tiếng Việt"), "vietnamese"),
        ("with emoji", "emoji"),
        ("show me code", "code"),
        ("as a table", "markdown"),
        ("use Markdown", "markdown"),
    ],
)
def test_feedback_switches_the_language(feedback: str, language: Language) -> None:
    request = make_request(QUESTION, PARTIAL, user(feedback))
    assert compose(request, SimulatorSettings()).text == compose(request, SimulatorSettings(language=language)).text
    assert compose(request, SimulatorSettings()).text[:8] == CORPORA[language].revised[:8]


def test_feedback_switches_back_to_english() -> None:
    request = make_request(QUESTION, PARTIAL, user("in English"))
    assert compose(request, SimulatorSettings(language="vietnamese")).text.startswith("Taking up")


def test_requested_language_stays_until_another_is_requested() -> None:
    request = make_request(QUESTION, PARTIAL, user("tiếng Việt"), PARTIAL, user("shorter"))
    assert compose(request, SimulatorSettings()).text.startswith("Tôi tiếp thu góp ý “shorter”")


def test_word_within_a_word_switches_nothing() -> None:
    assert compose(make_request(QUESTION, PARTIAL, user("decode it")), SimulatorSettings()).text.startswith("Taking up")


def test_vietnamese_comes_composed_and_decomposed() -> None:
    text = compose(make_request(), SimulatorSettings(language="vietnamese", length=4000)).text
    assert not unicodedata.is_normalized("NFC", text)
    assert not unicodedata.is_normalized("NFD", text)


@given(st.integers(1, 200), languages)
def test_token_limit_truncates_with_its_finish_reason(limit: int, language: Language) -> None:
    script = compose(make_request(max_tokens=limit), SimulatorSettings(language=language, reasoning=100, length=600))
    length = len(script.reasoning) + len(script.text)
    assert length <= limit * 4
    assert script.usage.completion <= limit
    assert script.finish_reason == ("length" if length < 700 else "stop")


def test_stop_string_ends_the_text_before_itself() -> None:
    whole = compose(make_request(), SimulatorSettings()).text
    script = compose(make_request(stops=("by step", "Why do")), SimulatorSettings())
    assert script.text == whole[: whole.index("Why do")]
    assert (script.finish_reason, script.stop) == ("stop", "Why do")


def test_stop_string_beyond_the_token_limit_has_no_effect() -> None:
    script = compose(make_request(stops=("stall",), max_tokens=2), SimulatorSettings())
    assert (script.finish_reason, script.stop) == ("length", None)


def test_usage_counts_four_characters_as_a_token() -> None:
    usage = compose(make_request(user("x" * 9)), SimulatorSettings(length=41, reasoning=8)).usage
    assert (usage.prompt, usage.completion) == (3, 13)


def test_usage_counts_reasoning_and_cached_tokens() -> None:
    usage = compose(make_request(user("x" * 40)), SimulatorSettings(length=40, reasoning=8, cached=0.75)).usage
    assert (usage.prompt, usage.cached, usage.completion, usage.reasoning) == (10, 7, 12, 2)


def test_truncated_calls_are_not_counted() -> None:
    script = compose(make_request(max_tokens=2), SimulatorSettings(length=40, tool_calls=3))
    assert (script.tool_calls, script.usage.completion) == ((), 2)


def test_tool_call_starts_and_then_has_deltas() -> None:
    script = compose(make_request(), SimulatorSettings(tool_calls=2))
    parts = list(deltas(script))
    for index, call in enumerate(script.tool_calls):
        first, *rest = [part for part in parts if part.call_index == index]
        assert (first.started_call, first.text) == (call, "")
        assert "".join(part.text for part in rest) == call.arguments
        assert all(part.started_call is None for part in rest)
    assert script.tool_calls[0].name == "get_weather"


def test_response_to_the_result_of_a_tool_is_text() -> None:
    request = make_request(user("x"), Turn("assistant"), Turn("tool", "21 degrees"))
    script = compose(request, SimulatorSettings(tool_calls=1))
    assert script.tool_calls == ()
    assert script.text.startswith("The tool came back with “21 degrees”")
