"""Ids of tool calls: generated where a provider sends none, and mapped where the next one does not take them. Pure."""

import hashlib
import re
from collections import deque
from typing import Final

MAX_RESPONSE_ID: Final = 64
"""Characters of a response's id that go into the ids of its calls; those of providers have about thirty."""

_NOT_IN_IDS: Final = re.compile(r"[^A-Za-z0-9_-]")
_HASH_LENGTH: Final = 8


def generate_call_id(response_id: str, index: int) -> str:
    """Return the id of a call without one. With the response's id, it is unique in a conversation."""
    name = _NOT_IN_IDS.sub("", response_id)[:MAX_RESPONSE_ID]
    return f"call_{name}_{index}" if name else f"call_{index}"


def hash_of(call_id: str) -> str:
    """Return the hash of an id, in hexadecimal digits."""
    return hashlib.sha256(call_id.encode("utf-8", "surrogatepass")).hexdigest()


class ToolIds:
    """Maps ids of tool calls to ids that a provider allows: the same for a call and its result, and no two alike.

    Ids of other providers have other lengths and characters (Kimi: `functions.weather:0`), and servers that number
    their calls use the same id in each turn. An allowed id that is new stays as it is.
    """

    def __init__(self, allowed: str = r".*", max_length: int = 64) -> None:
        self._allowed = re.compile(allowed, re.DOTALL)
        self._max_length = max_length
        self._used: set[str] = set()
        self._unanswered: dict[str, deque[str]] = {}
        self._last: dict[str, str] = {}
        self._numbers: dict[str, int] = {}
        """How often an id has been changed to tell it apart."""

    def of_call(self, call_id: str) -> str:
        """Return the id of the next call."""
        mapped, number = self._allow(call_id), self._numbers.get(call_id, 1)
        while mapped in self._used:
            number += 1
            mapped = self._allow(f"{call_id} {number}")
        self._numbers[call_id] = number
        self._used.add(mapped)
        self._unanswered.setdefault(call_id, deque()).append(mapped)
        self._last[call_id] = mapped
        return mapped

    def of_result(self, call_id: str) -> str:
        """Return the id of the call that the next result with this id answers."""
        unanswered = self._unanswered.get(call_id)
        return unanswered.popleft() if unanswered else self._last.get(call_id) or self._allow(call_id)

    def _allow(self, call_id: str) -> str:
        if call_id and len(call_id) <= self._max_length and self._allowed.fullmatch(call_id):
            return call_id
        plain = _NOT_IN_IDS.sub("_", call_id)[: self._max_length - _HASH_LENGTH - 1]
        return f"{plain}_{hash_of(call_id)[:_HASH_LENGTH]}"
