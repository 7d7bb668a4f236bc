"""Sanitize text of a provider for clients: only plain prose passes. Pure.

A list of what must stay private (addresses, hosts, paths, keys, names of people and machines) can never be complete. So
the rule is the reverse, an allowlist: words of letters, numbers, and names of a request's fields pass, and everything
else becomes an ellipsis.
"""

import re
from collections.abc import Iterator
from itertools import groupby
from typing import Final

from pydantic import SecretStr

from gateway.protocol.commands import Message, Options

MAX_MESSAGE_LENGTH: Final = 300

_ELLIPSIS: Final = "…"
_MIN_KEY_PART: Final = 8
"""Length of a part of a key that can't occur by chance, in letters and digits. A shorter key is not a secret."""

FIELDS: Final = frozenset({*Options.model_fields, *Message.model_fields}) | frozenset(
    """
    add_generation_prompt additional_properties arguments budget_tokens cache_control call_id chat_template contents
    context_length continue_final_message data function function_call function_call_output functions generation_config
    id image_url inline_data input input_image input_schema input_text json_object json_schema logit_bias
    max_completion_tokens max_output_tokens media_type messages name output_text parameters parts properties required
    source stop_sequences stream_options system_instruction text tool_call_id tool_calls tool_result tool_use
    tool_use_id top_k type url
    """.split()  # noqa: SIM905 - easier to read than a list of this many strings
)
"""Names of a request's fields, in all wire formats."""

_WORD: Final = r"(?:[Nn]on-)?[A-Z]?[a-z]{1,20}(?:[A-Z][a-z]{2,20}){0,4}(?:['\u2019][a-z]{1,2})?|[A-Z]{1,12}s?"
_FOREIGN: Final = r"(?=\S*[^\x00-\x7f])[^\W\d_]{1,40}(?:[\uff0c\u3002\uff1a\uff1b\u3001][^\W\d_]{1,40}){0,8}"
"""A word, or a sentence, in another script than ASCII, in which keys, hosts and paths are written."""
_FIELD: Final = "(?:" + "|".join(sorted(map(re.escape, FIELDS), key=len, reverse=True)) + ")"
_FIELD_PATH: Final = rf"{_FIELD}(?:\.{_FIELD}|\.\d{{1,4}}|\[\d{{1,4}}\]){{0,8}}"
_NUMBER: Final = r"[+-]?\d{1,3}(?:,\d{3}){1,3}|[+-]?\d{1,9}(?:\.\d{1,4})?%?"
_SIGN: Final = r"[-\u2013\u2014=<>+*/|&\u2026]|[<>=]="
_OPENING: Final = r"""[(\["'\u201c\u2018`\u00ab*]*"""
_CLOSING: Final = r"""[)\]"'\u201d\u2019`\u00bb*,.:;!?\uff0c\u3002\uff1a\uff1b\uff01\uff1f\u2026]*"""
_PLAIN: Final = re.compile(f"{_OPENING}(?:{_WORD}|{_FOREIGN}|{_FIELD_PATH}|{_NUMBER}|{_SIGN}){_CLOSING}")
_MAX_WORD_LENGTH: Final = 100
_MARKUP: Final = re.compile(r"<[a-zA-Z/!?]|&(?:[a-zA-Z]{2,10}|#\w{1,8});")
_TOKEN: Final = re.compile(r"[A-Za-z][A-Za-z_]{0,63}")


def sanitize_message(message: str, api_key: SecretStr | None) -> str:
    """Return a provider's message as one short line of plain prose.

    The result is "" if the message is markup, if more than half of its words are not plain, or if a part of the key
    would remain.
    """
    if _MARKUP.search(message):
        return ""
    # The input is cut first: only so much of it can reach the result, and a message may be a megabyte long.
    beginning = message[: 4 * MAX_MESSAGE_LENGTH]
    words = [_sanitize_word("".join(filter(str.isprintable, word))) for word in beginning.split()]
    if 2 * words.count(_ELLIPSIS) > len(words):
        return ""
    line = " ".join(_merge_ellipses(words))
    if api_key is not None and contains_key(line, api_key.get_secret_value()):
        return ""
    return line if len(line) <= MAX_MESSAGE_LENGTH else f"{line[: MAX_MESSAGE_LENGTH - 1]}{_ELLIPSIS}"


def sanitize_token(token: str) -> str:
    """Return a token such as a finish reason unchanged, or `other` if it is not a plain identifier."""
    return token if _TOKEN.fullmatch(token) else "other"


def _sanitize_word(word: str) -> str:
    # The length is tested first: the time of a match is quadratic in it.
    return word if len(word) <= _MAX_WORD_LENGTH and _PLAIN.fullmatch(word) else _ELLIPSIS


def _merge_ellipses(words: list[str]) -> Iterator[str]:
    """Yield the words, with a single ellipsis for several in a row."""
    for word, row in groupby(words):
        yield from [word] if word == _ELLIPSIS else row


def contains_key(line: str, key: str) -> bool:
    """Return True if a line contains a part of the key, even with other characters in between."""
    line, key = _letters_and_digits(line), _letters_and_digits(key)
    return any(key[at : at + _MIN_KEY_PART] in line for at in range(len(key) - _MIN_KEY_PART + 1))


def _letters_and_digits(text: str) -> str:
    return "".join(filter(str.isalnum, text.casefold()))
