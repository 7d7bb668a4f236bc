"""What of a provider's own words a client may read: plain prose. Pure.

Nobody can list all that has to stay inside: addresses, hosts, paths, keys, names of people and machines. So it is the
other way about. What is let through is listed, words of letters, numbers and the names of a request's fields, and
all else becomes an ellipsis.
"""

import re
from collections.abc import Iterator
from itertools import groupby
from typing import Final

from pydantic import SecretStr

from gateway.protocol.commands import Message, Options

MESSAGE_LENGTH: Final = 300

_ELLIPSIS: Final = "…"
_KEY_PART: Final = 8
"""So many letters and digits of a key in a row are no chance; a key with fewer is no secret."""

FIELDS: Final = frozenset({*Options.model_fields, *Message.model_fields}) | frozenset(
    """
    add_generation_prompt additional_properties arguments budget_tokens cache_control call_id chat_template contents
    context_length continue_final_message data function function_call function_call_output functions generation_config
    id image_url inline_data input input_image input_schema input_text json_object json_schema logit_bias
    max_completion_tokens max_output_tokens media_type messages name output_text parameters parts properties required
    source stop_sequences stream_options system_instruction text tool_call_id tool_calls tool_result tool_use
    tool_use_id top_k type url
    """.split()  # noqa: SIM905 - a list of so many words is read more easily so
)
"""Names that a request is made of, in the spellings of the providers."""

_WORD: Final = r"(?:[Nn]on-)?[A-Z]?[a-z]{1,20}(?:[A-Z][a-z]{2,20}){0,4}(?:['\u2019][a-z]{1,2})?|[A-Z]{1,12}s?"
_FOREIGN: Final = r"(?=\S*[^\x00-\x7f])[^\W\d_]{1,40}(?:[\uff0c\u3002\uff1a\uff1b\u3001][^\W\d_]{1,40}){0,8}"
"""A word, or a sentence, that is not written in ASCII: keys, hosts and paths are."""
_FIELD: Final = "(?:" + "|".join(sorted(map(re.escape, FIELDS), key=len, reverse=True)) + ")"
_FIELDS: Final = rf"{_FIELD}(?:\.{_FIELD}|\.\d{{1,4}}|\[\d{{1,4}}\]){{0,8}}"
_NUMBER: Final = r"[+-]?\d{1,3}(?:,\d{3}){1,3}|[+-]?\d{1,9}(?:\.\d{1,4})?%?"
_SIGN: Final = r"[-\u2013\u2014=<>+*/|&\u2026]|[<>=]="
_OPENING: Final = r"""[(\["'\u201c\u2018`\u00ab*]*"""
_CLOSING: Final = r"""[)\]"'\u201d\u2019`\u00bb*,.:;!?\uff0c\u3002\uff1a\uff1b\uff01\uff1f\u2026]*"""
_PLAIN: Final = re.compile(f"{_OPENING}(?:{_WORD}|{_FOREIGN}|{_FIELDS}|{_NUMBER}|{_SIGN}){_CLOSING}")
_LONGEST: Final = 100
_MARKUP: Final = re.compile(r"<[a-zA-Z/!?]|&(?:[a-zA-Z]{2,10}|#\w{1,8});")
_ONE_WORD: Final = re.compile(r"[A-Za-z][A-Za-z_]{0,63}")


def sanitize_message(words: str, api_key: SecretStr | None) -> str:
    """Give one short line of what is plain in a provider's words; "" if that says nothing, or some of the key."""
    if _MARKUP.search(words):
        return ""
    said = [_plain("".join(filter(str.isprintable, token))) for token in words[: 4 * MESSAGE_LENGTH].split()]
    if 2 * said.count(_ELLIPSIS) > len(said):
        return ""
    line = " ".join(_once(said))
    if api_key is not None and _holds(line, api_key.get_secret_value()):
        return ""
    return line if len(line) <= MESSAGE_LENGTH else f"{line[: MESSAGE_LENGTH - 1]}{_ELLIPSIS}"


def sanitize_token(word: str) -> str:
    """Give a word that stands for something, such as a reason to finish; `other` for what is no word."""
    return word if _ONE_WORD.fullmatch(word) else "other"


def _plain(token: str) -> str:
    return token if len(token) <= _LONGEST and _PLAIN.fullmatch(token) else _ELLIPSIS


def _once(said: list[str]) -> Iterator[str]:
    """Leave one of several ellipses in a row."""
    for token, row in groupby(said):
        yield from [token] if token == _ELLIPSIS else row


def _holds(line: str, key: str) -> bool:
    """Tell whether a part of a key is in a line, whatever it is broken up by."""
    line, key = _squeezed(line), _squeezed(key)
    return any(key[at : at + _KEY_PART] in line for at in range(len(key) - _KEY_PART + 1))


def _squeezed(text: str) -> str:
    return "".join(filter(str.isalnum, text.casefold()))
