"""Compose what the simulator says: request and settings in, a script out. No clock, no network."""

import re
import unicodedata
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from random import Random
from typing import Final, Literal

from gateway.simulator.graphemes import cut, pieces
from gateway.simulator.request import Request, Turn
from gateway.simulator.settings import Settings
from gateway.simulator.texts import CORPORA, Corpus, Language
from gateway.simulator.tools import ToolCall, make_calls

DEFAULT_LENGTH: Final = 600
CHARACTERS_PER_TOKEN: Final = 4
_QUOTE_LENGTH: Final = 80

_LANGUAGE_WORDS: Final[dict[str, Language]] = {
    "vietnamese": "vietnamese",
    "tiếng việt": "vietnamese",
    "english": "english",
    "tiếng anh": "english",
    "code": "code",
    "emoji": "emoji",
    "emojis": "emoji",
    "markdown": "markdown",
    "table": "markdown",
}
_ASKS_FOR_LANGUAGE: Final = re.compile(rf"\b(?:{'|'.join(_LANGUAGE_WORDS)})\b")
_ASKS_FOR_LESS: Final = re.compile(r"\b(?:shorter|ngắn hơn)\b")


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """Tokens, at four characters each; `cached` are some of the prompt's, `reasoning` some of the completion's."""

    prompt: int
    completion: int
    cached: int = 0
    reasoning: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Script:
    """All of one answer; `stop` is the stop string that ended its text, if one did."""

    reasoning: str
    text: str
    calls: tuple[ToolCall, ...]
    finish_reason: Literal["stop", "length", "tool_calls"]
    usage: Usage
    seed: int
    stop: str | None = None


@dataclass(frozen=True, slots=True)
class Delta:
    """One chunk of an answer; `call` is the place of a tool call, and `opens` it if this chunk is its first."""

    kind: Literal["reasoning", "content", "tool"]
    text: str
    call: int = 0
    opens: ToolCall | None = None


def compose(request: Request, settings: Settings) -> Script:
    """Compose the answer to a request; the same request and settings always give the same one.

    Where the assistant's own words come last, it goes on from them.
    """
    sent, (request, begun) = request, _begun(request)
    seed = _seed(request, settings)
    # The seed makes the same answer again, which is the point of it; nothing here is secret.
    random = Random(seed)  # noqa: S311
    language, shorter = _wishes(request.turns, settings.language)
    corpus = CORPORA[language]
    calls = make_calls(request, settings.tool_calls, random)
    length = settings.length if settings.length is not None else 0 if calls else DEFAULT_LENGTH
    if shorter:
        length //= 3
    reasoning = "" if begun else _reasoning(corpus, settings.reasoning, random)
    text = _text(_opening(request.turns, corpus, shorter=shorter), corpus, length, random)
    text, stop = _stopped(text, request.stops)
    text = text.removeprefix(begun)
    whole = len(reasoning) + len(text)
    if request.max_tokens is not None:
        budget = request.max_tokens * CHARACTERS_PER_TOKEN
        reasoning = cut(reasoning, budget)
        text = cut(text, budget - len(reasoning))
    cut_off = len(reasoning) + len(text) < whole
    calls = () if cut_off else calls
    return Script(
        reasoning=reasoning,
        text=text,
        calls=calls,
        finish_reason="length" if cut_off else "tool_calls" if calls else "stop",
        usage=_usage(sent, reasoning, text, calls, settings.cached),
        seed=seed,
        stop=None if cut_off else stop,
    )


def deltas(script: Script, chunk: int | None = None) -> Iterator[Delta]:
    """Give the chunks of an answer in order, lazily."""
    for piece in pieces(script.reasoning, chunk):
        yield Delta("reasoning", piece)
    for piece in pieces(script.text, chunk):
        yield Delta("content", piece)
    for place, call in enumerate(script.calls):
        yield Delta("tool", "", place, call)
        for piece in pieces(call.arguments, chunk):
            yield Delta("tool", piece, place)


def _begun(request: Request) -> tuple[Request, str]:
    """Take from a request what the assistant has already said of its answer."""
    *before, last = request.turns
    if not before or last.role != "assistant":
        return request, ""
    return replace(request, turns=tuple(before)), last.text


def _seed(request: Request, settings: Settings) -> int:
    if settings.seed is not None:
        return settings.seed
    if request.seed is not None:
        return request.seed
    # hash() differs from process to process.
    return zlib.crc32("\0".join(f"{turn.role}\0{turn.text}" for turn in request.turns).encode())


def tokens(characters: int) -> int:
    """Give how many tokens so many characters are."""
    return -(-characters // CHARACTERS_PER_TOKEN)


def _usage(request: Request, reasoning: str, text: str, calls: Sequence[ToolCall], cached: float) -> Usage:
    prompt = tokens(sum(len(turn.text) for turn in request.turns))
    said = len(reasoning) + len(text) + sum(len(call.name) + len(call.arguments) for call in calls)
    return Usage(prompt=prompt, completion=tokens(said), cached=int(prompt * cached), reasoning=tokens(len(reasoning)))


def _wishes(turns: Sequence[Turn], language: Language) -> tuple[Language, bool]:
    """Give the language asked for last in the turns after a partial answer, and whether the last turn wants less."""
    feedback = [turn.text for turn in _feedback(turns)]
    for text in reversed(feedback):
        if asked := _ASKS_FOR_LANGUAGE.search(_folded(text)):
            language = _LANGUAGE_WORDS[asked.group()]
            break
    is_last = bool(feedback) and turns[-1].role == "user"
    return language, is_last and bool(_ASKS_FOR_LESS.search(_folded(feedback[-1])))


def _feedback(turns: Sequence[Turn]) -> list[Turn]:
    return [turn for before, turn in pairwise(turns) if before.role == "assistant" and turn.role == "user"]


def _folded(text: str) -> str:
    return unicodedata.normalize("NFC", text).lower()


def _opening(turns: Sequence[Turn], corpus: Corpus, *, shorter: bool) -> str:
    last = turns[-1]
    if last.role == "tool":
        return corpus.returned.replace("{quote}", _quote(last.text))
    if len(turns) > 1 and last.role == "user" and turns[-2].role == "assistant":
        return (corpus.shortened if shorter else corpus.revised).replace("{quote}", _quote(last.text))
    asked = next((turn.text for turn in reversed(turns) if turn.role == "user"), "")
    return corpus.asked.replace("{quote}", _quote(asked) or "…")


def _quote(text: str) -> str:
    """Give one line of at most 80 characters, cut after a word where that is possible."""
    # Long before anything is folded into one line, since a prompt may have millions of characters.
    line = " ".join(cut(text, 20 * _QUOTE_LENGTH).split())
    if len(line) <= _QUOTE_LENGTH:
        return line
    short = cut(line, _QUOTE_LENGTH - 1)
    words, _, _ = short.rpartition(" ")
    return (words if len(words) > _QUOTE_LENGTH // 2 else short) + "…"


def _text(opening: str, corpus: Corpus, length: int, random: Random) -> str:
    """Give exactly `length` characters: the opening, then the paragraphs in ever new order, linked once they repeat."""
    parts = [opening]
    size = len(opening)
    repeats = False
    while size < length:
        for paragraph in random.sample(corpus.paragraphs, len(corpus.paragraphs)):
            part = random.choice(corpus.links) + paragraph if repeats else paragraph
            parts.append(part)
            size += len(part)
        repeats = True
    return _fit("\n\n".join(parts), length)


def _reasoning(corpus: Corpus, length: int, random: Random) -> str:
    """Give exactly `length` characters of thinking aloud."""
    text = ""
    while len(text) < length:
        text += "".join(random.sample(corpus.reasoning, len(corpus.reasoning)))
    return _fit(text, length)


def _fit(text: str, length: int) -> str:
    """Cut to exactly `length` characters between graphemes, with an end that reads as one."""
    if length == 0:
        return ""
    head = text[: max(length - 4, 0)]
    tail = "\n```" if head.count("```") % 2 else "…"
    kept = cut(text, length - len(tail)).rstrip(" ,\n")
    # A grapheme that did not fit, or a comma that nothing follows, leaves a gap to fill.
    return kept + "…" * (length - len(tail) - len(kept)) + tail


def _stopped(text: str, stops: tuple[str, ...]) -> tuple[str, str | None]:
    """Give the text up to the first stop string that it has, and which one that is."""
    found = [(place, stop) for stop in stops if (place := text.find(stop)) >= 0]
    if not found:
        return text, None
    end, stop = min(found)
    return text[:end], stop
