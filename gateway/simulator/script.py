"""Compose a response: request and settings in, a script out. Pure."""

import re
import unicodedata
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from random import Random
from typing import Final, Literal

from gateway.simulator.graphemes import pieces, truncate
from gateway.simulator.request import Request, Turn
from gateway.simulator.settings import SimulatorSettings
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
_LANGUAGE_REQUEST: Final = re.compile(rf"\b(?:{'|'.join(_LANGUAGE_WORDS)})\b")
_ENDS: Final = ("…", "\n```")
"""How a finished text ends."""

_LENGTH_REQUEST: Final = re.compile(r"\b(?:shorter|ngắn hơn)\b")


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """Counts of tokens, of four characters each. `cached` is a part of `prompt`, `reasoning` a part of `completion`."""

    prompt: int
    completion: int
    cached: int = 0
    reasoning: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Script:
    """The content of one response. `stop` is the stop string that ended the text, if any."""

    reasoning: str
    text: str
    tool_calls: tuple[ToolCall, ...]
    finish_reason: Literal["stop", "length", "tool_calls"]
    usage: Usage
    seed: int
    stop: str | None = None


@dataclass(frozen=True, slots=True)
class Delta:
    """One chunk of a response. `call_index` is that of its tool call, `started_call` the call if it starts here."""

    kind: Literal["reasoning", "content", "tool"]
    text: str
    call_index: int = 0
    started_call: ToolCall | None = None


def compose(request: Request, settings: SimulatorSettings) -> Script:
    """Compose the response to a request; equal requests and settings give equal responses.

    If the last turn is the assistant's (a prefill), the response continues it.
    """
    sent, (request, prefill) = request, _split_prefill(request)
    seed = _seed(request, settings)
    # Repeatable by design; nothing here is secret.
    random = Random(seed)  # noqa: S311
    language, shorter = _requested_style(request.turns, settings.language)
    corpus = CORPORA[language]
    tool_calls = make_calls(request, settings.tool_calls, random)
    length = settings.length if settings.length is not None else 0 if tool_calls else DEFAULT_LENGTH
    if shorter:
        length //= 3
    reasoning = "" if prefill else _compose_reasoning(corpus, settings.reasoning, random)
    text = _compose_text(_opening(request.turns, corpus, shorter=shorter), corpus, length, random)
    text, stop = _cut_at_stop(text, request.stops)
    text = text.removeprefix(prefill)
    full_length = len(reasoning) + len(text)
    if request.max_tokens is not None:
        budget = request.max_tokens * CHARACTERS_PER_TOKEN
        reasoning = truncate(reasoning, budget)
        text = truncate(text, budget - len(reasoning))
    is_truncated = len(reasoning) + len(text) < full_length
    tool_calls = () if is_truncated else tool_calls
    return Script(
        reasoning=reasoning,
        text=text,
        tool_calls=tool_calls,
        finish_reason="length" if is_truncated else "tool_calls" if tool_calls else "stop",
        usage=_usage(sent, reasoning, text, tool_calls, settings.cached),
        seed=seed,
        stop=None if is_truncated else stop,
    )


def deltas(script: Script, chunk: int | None = None) -> Iterator[Delta]:
    """Yield the chunks of a response in order."""
    for piece in pieces(script.reasoning, chunk):
        yield Delta("reasoning", piece)
    for piece in pieces(script.text, chunk):
        yield Delta("content", piece)
    for index, call in enumerate(script.tool_calls):
        yield Delta("tool", "", index, call)
        for piece in pieces(call.arguments, chunk):
            yield Delta("tool", piece, index)


def _split_prefill(request: Request) -> tuple[Request, str]:
    """Return the request without a last turn of the assistant, and that turn's text."""
    *before, last = request.turns
    if not before or last.role != "assistant":
        return request, ""
    return replace(request, turns=tuple(before)), last.text


def _seed(request: Request, settings: SimulatorSettings) -> int:
    if settings.seed is not None:
        return settings.seed
    if request.seed is not None:
        return request.seed
    # Not hash(), which differs between processes.
    return zlib.crc32("\0".join(f"{turn.role}\0{turn.text}" for turn in request.turns).encode())


def count_tokens(characters: int) -> int:
    """Return the number of tokens in so many characters, rounded up."""
    return -(-characters // CHARACTERS_PER_TOKEN)


def _usage(request: Request, reasoning: str, text: str, tool_calls: Sequence[ToolCall], cached: float) -> Usage:
    prompt = count_tokens(sum(len(turn.text) for turn in request.turns))
    completion = len(reasoning) + len(text) + sum(len(call.name) + len(call.arguments) for call in tool_calls)
    return Usage(
        prompt=prompt,
        completion=count_tokens(completion),
        cached=int(prompt * cached),
        reasoning=count_tokens(len(reasoning)),
    )


def _requested_style(turns: Sequence[Turn], language: Language) -> tuple[Language, bool]:
    """Return the language that the feedback requested last, and True if the last turn requests a shorter response."""
    feedback = [turn.text for turn in _feedback(turns)]
    for text in reversed(feedback):
        if match := _LANGUAGE_REQUEST.search(_normalize(text)):
            language = _LANGUAGE_WORDS[match.group()]
            break
    is_last = bool(feedback) and turns[-1].role == "user"
    return language, is_last and bool(_LENGTH_REQUEST.search(_normalize(feedback[-1])))


def _feedback(turns: Sequence[Turn]) -> list[Turn]:
    """Return the turns of the user that follow a partial response; after a finished one, they are new questions."""
    return [turn for before, turn in pairwise(turns) if _is_feedback(before, turn)]


def _is_feedback(before: Turn, turn: Turn) -> bool:
    return before.role == "assistant" and turn.role == "user" and not before.text.endswith(_ENDS)


def _normalize(text: str) -> str:
    return unicodedata.normalize("NFC", text).lower()


def _opening(turns: Sequence[Turn], corpus: Corpus, *, shorter: bool) -> str:
    last = turns[-1]
    if last.role == "tool":
        return corpus.returned.replace("{quote}", _quote(last.text))
    if len(turns) > 1 and _is_feedback(turns[-2], last):
        return (corpus.shortened if shorter else corpus.revised).replace("{quote}", _quote(last.text))
    question = next((turn.text for turn in reversed(turns) if turn.role == "user"), "")
    return corpus.asked.replace("{quote}", _quote(question) or "…")


def _quote(text: str) -> str:
    """Return one line of at most 80 characters, which ends after a word if possible."""
    # Truncated before it is split, since a prompt may have millions of characters.
    line = " ".join(truncate(text, 20 * _QUOTE_LENGTH).split())
    if len(line) <= _QUOTE_LENGTH:
        return line
    short = truncate(line, _QUOTE_LENGTH - 1)
    words, _, _ = short.rpartition(" ")
    return (words if len(words) > _QUOTE_LENGTH // 2 else short) + "…"


def _compose_text(opening: str, corpus: Corpus, length: int, random: Random) -> str:
    """Return exactly `length` characters: the opening, then all paragraphs in random order, repeated with links."""
    parts = [opening]
    size = len(opening)
    repeats = False
    while size < length:
        for paragraph in random.sample(corpus.paragraphs, len(corpus.paragraphs)):
            part = random.choice(corpus.links) + paragraph if repeats else paragraph
            parts.append(part)
            size += len(part)
        repeats = True
    return _fit_length("\n\n".join(parts), length)


def _compose_reasoning(corpus: Corpus, length: int, random: Random) -> str:
    """Return exactly `length` characters of reasoning."""
    text = ""
    while len(text) < length:
        text += "".join(random.sample(corpus.reasoning, len(corpus.reasoning)))
    return _fit_length(text, length)


def _fit_length(text: str, length: int) -> str:
    """Truncate to exactly `length` characters, between graphemes, with an ellipsis or the end of a code block."""
    if length == 0:
        return ""
    head = text[: max(length - 4, 0)]
    tail = _ENDS[1] if head.count("```") % 2 else _ENDS[0]
    kept = truncate(text, length - len(tail)).rstrip(" ,\n")
    # Dots fill the gap of a grapheme that did not fit, or of a comma that was removed.
    return kept + "…" * (length - len(tail) - len(kept)) + tail


def _cut_at_stop(text: str, stops: tuple[str, ...]) -> tuple[str, str | None]:
    """Return the text before the first stop string in it, and that stop string."""
    found = [(index, stop) for stop in stops if (index := text.find(stop)) >= 0]
    if not found:
        return text, None
    end, stop = min(found)
    return text[:end], stop
