import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import JsonValue

from gateway.simulator.graphemes import graphemes
from gateway.simulator.request import Function, Request, Turn
from gateway.simulator.script import compose, deltas
from gateway.simulator.settings import Settings
from gateway.simulator.texts import CORPORA, Language

QUESTION = Turn("user", "Why do streams stall?")
PARTIAL = Turn("assistant", "Streams stall when")


def ask(*turns: Turn, max_tokens: int | None = None, stops: tuple[str, ...] = ()) -> Request:
    return Request(model="sim", turns=turns or (QUESTION,), max_tokens=max_tokens, stops=stops)


def say(text: str) -> Turn:
    return Turn("user", text)


languages = st.sampled_from(list(CORPORA))
settings = st.builds(Settings, length=st.integers(0, 9000), language=languages, seed=st.integers())


@given(settings)
def test_length_is_exact(wanted: Settings) -> None:
    assert len(compose(ask(), wanted).text) == wanted.length


@given(st.integers(0, 3000), languages)
def test_reasoning_has_its_length_and_comes_first(length: int, language: Language) -> None:
    script = compose(ask(), Settings(reasoning=length, language=language))
    assert len(script.reasoning) == length
    kinds = [delta.kind for delta in deltas(script)]
    assert kinds == sorted(kinds, key=["reasoning", "content"].index)


@given(settings, st.none() | st.integers(1, 50))
def test_deltas_join_to_the_text(wanted: Settings, chunk: int | None) -> None:
    script = compose(ask(), wanted)
    assert "".join(delta.text for delta in deltas(script, chunk)) == script.text


@given(settings)
def test_deltas_split_no_grapheme(wanted: Settings) -> None:
    script = compose(ask(), wanted)
    split = [piece for delta in deltas(script) for piece in graphemes(delta.text)]
    assert split == list(graphemes(script.text))


@given(settings)
def test_same_seed_gives_the_same_answer(wanted: Settings) -> None:
    assert compose(ask(), wanted) == compose(ask(), wanted)


def test_other_seed_or_other_messages_give_another_answer() -> None:
    texts = {compose(ask(), Settings(seed=seed)).text for seed in range(5)}
    assert len(texts) > 1
    seeds = {compose(ask(say(word)), Settings()).seed for word in ("one", "two", "three")}
    assert len(seeds) == 3


@given(settings, st.integers(0, 9000))
def test_it_goes_on_from_what_it_said_before(wanted: Settings, broke_off: int) -> None:
    whole = compose(ask(), wanted).text
    begun = whole[:broke_off].rstrip()
    script = compose(ask(QUESTION, Turn("assistant", begun)), wanted)
    assert begun + script.text == whole
    assert script.usage.prompt >= compose(ask(), wanted).usage.prompt


def test_default_length_is_600() -> None:
    assert len(compose(ask(), Settings()).text) == 600


def test_long_answer_repeats_only_with_a_lead_in() -> None:
    text = compose(ask(), Settings(length=20_000)).text
    paragraphs = text.split("\n\n")[:-1]
    assert len(set(paragraphs)) > len(CORPORA["english"].paragraphs) * 3


@pytest.mark.parametrize("language", list(CORPORA))
def test_answer_quotes_the_question_first(language: Language) -> None:
    text = compose(ask(), Settings(language=language)).text
    assert "Why do streams stall?" in text[:80]


def test_long_question_is_quoted_in_short() -> None:
    text = compose(ask(say("really " * 500)), Settings()).text
    assert text.startswith("You asked: “really really")
    assert text.index("…”") < 100


def test_feedback_on_a_partial_answer_is_taken_up() -> None:
    text = compose(ask(QUESTION, PARTIAL, say("Mention the proxy.")), Settings()).text
    assert text.startswith("Taking up “Mention the proxy.”")


@pytest.mark.parametrize(
    "feedback", ["Please make it shorter!", "Ngắn hơn nhé", unicodedata.normalize("NFD", "ngắn hơn")]
)
def test_shorter_is_a_third(feedback: str) -> None:
    assert len(compose(ask(QUESTION, PARTIAL, say(feedback)), Settings(length=900)).text) == 300


def test_first_question_with_that_word_is_no_feedback() -> None:
    assert len(compose(ask(say("Is a shorter stream better?")), Settings(length=900)).text) == 900


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
    request = ask(QUESTION, PARTIAL, say(feedback))
    assert compose(request, Settings()).text == compose(request, Settings(language=language)).text
    assert compose(request, Settings()).text[:8] == CORPORA[language].revised[:8]


def test_feedback_switches_back_to_english() -> None:
    request = ask(QUESTION, PARTIAL, say("in English"))
    assert compose(request, Settings(language="vietnamese")).text.startswith("Taking up")


def test_language_asked_for_stays_until_another_is() -> None:
    request = ask(QUESTION, PARTIAL, say("tiếng Việt"), PARTIAL, say("shorter"))
    assert compose(request, Settings()).text.startswith("Tôi tiếp thu góp ý “shorter”")


def test_word_within_a_word_switches_nothing() -> None:
    assert compose(ask(QUESTION, PARTIAL, say("decode it")), Settings()).text.startswith("Taking up")


def test_vietnamese_comes_composed_and_decomposed() -> None:
    text = compose(ask(), Settings(language="vietnamese", length=4000)).text
    assert not unicodedata.is_normalized("NFC", text)
    assert not unicodedata.is_normalized("NFD", text)


@given(st.integers(1, 200), languages)
def test_token_limit_cuts_and_says_so(limit: int, language: Language) -> None:
    script = compose(ask(max_tokens=limit), Settings(language=language, reasoning=100, length=600))
    said = len(script.reasoning) + len(script.text)
    assert said <= limit * 4
    assert script.usage.completion <= limit
    assert script.finish_reason == ("length" if said < 700 else "stop")


def test_stop_string_ends_the_answer_before_itself() -> None:
    whole = compose(ask(), Settings()).text
    script = compose(ask(stops=("by step", "Why do")), Settings())
    assert script.text == whole[: whole.index("Why do")]
    assert (script.finish_reason, script.stop) == ("stop", "Why do")


def test_stop_string_beyond_the_token_limit_ends_nothing() -> None:
    script = compose(ask(stops=("stall",), max_tokens=2), Settings())
    assert (script.finish_reason, script.stop) == ("length", None)


def test_usage_counts_four_characters_as_a_token() -> None:
    usage = compose(ask(say("x" * 9)), Settings(length=41, reasoning=8)).usage
    assert (usage.prompt, usage.completion) == (3, 13)


def test_usage_counts_reasoning_and_what_the_cache_had() -> None:
    usage = compose(ask(say("x" * 40)), Settings(length=40, reasoning=8, cached=0.75)).usage
    assert (usage.prompt, usage.cached, usage.completion, usage.reasoning) == (10, 7, 12, 2)


def test_calls_that_are_cut_off_are_not_counted() -> None:
    script = compose(ask(max_tokens=2), Settings(length=40, tool_calls=3))
    assert (script.calls, script.usage.completion) == ((), 2)


def test_kinds_in_capitals_are_kinds() -> None:
    parameters: dict[str, JsonValue] = {"type": "OBJECT", "properties": {"days": {"type": "INTEGER"}}}
    request = Request(model="sim", turns=(QUESTION,), tools=(Function(name="look", parameters=parameters),))
    (call,) = compose(request, Settings(tool_calls=1)).calls
    assert int(call.arguments.removeprefix('{"days": ').removesuffix("}"))


def test_tool_calls_use_the_tools_of_the_request_by_turns() -> None:
    parameters: dict[str, JsonValue] = {
        "properties": {
            "city": {"type": "string"},
            "days": {"type": "integer"},
            "unit": {"enum": ["C", "F"]},
            "tags": {"type": "array", "items": {"type": "boolean"}},
        }
    }
    tools = tuple(Function(name=name, parameters=parameters) for name in ("one", "two"))
    request = Request(model="sim", turns=(say("x"),), tools=tools)
    script = compose(request, Settings(tool_calls=3))
    assert [call.name for call in script.calls] == ["one", "two", "one"]
    assert len({call.id for call in script.calls}) == 3
    assert (script.finish_reason, script.text) == ("tool_calls", "")
    for call in script.calls:
        assert call.arguments.startswith('{"city": "')
        assert '"unit": "C"' in call.arguments


def test_tool_call_is_opened_and_then_comes_in_pieces() -> None:
    script = compose(ask(), Settings(tool_calls=2))
    parts = list(deltas(script))
    for place, call in enumerate(script.calls):
        first, *rest = [part for part in parts if part.call == place]
        assert (first.opens, first.text) == (call, "")
        assert "".join(part.text for part in rest) == call.arguments
        assert all(part.opens is None for part in rest)
    assert script.calls[0].name == "get_weather"


def test_result_of_a_tool_is_answered_in_text() -> None:
    request = ask(say("x"), Turn("assistant"), Turn("tool", "21 degrees"))
    script = compose(request, Settings(tool_calls=1))
    assert script.calls == ()
    assert script.text.startswith("The tool came back with “21 degrees”")
