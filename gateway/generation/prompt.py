"""The conversation of a generation, as it is kept while the generation waits and runs: encoded. Pure."""

from collections.abc import Iterator, Sequence
from typing import Final, overload

import orjson
from pydantic import TypeAdapter

from gateway.billing.usage import PromptSize
from gateway.protocol.commands import JsonObject, Message

_MESSAGES = TypeAdapter(list[Message])


class Prompt(Sequence[Message]):
    """Messages as compact JSON in UTF-8: every reading decodes all of them, so read it once.

    A Python string takes one, two or four bytes for each of its characters, by the widest of them (PEP 393): one emoji
    makes 4 MiB of ASCII 16 MiB. `size` is the memory that it takes, in bytes.
    """

    __slots__ = ("_count", "_measured", "_parts", "size")

    def __init__(self, messages: Sequence[Message]) -> None:
        encoded = _encode(messages)
        self._parts: tuple[bytes, ...] = (encoded,) if messages else ()
        self._count = len(messages)
        self.size = len(encoded)
        self._measured = PromptSize.of(messages)

    @classmethod
    def of_json(cls, messages: bytes) -> "Prompt":
        """Build a prompt from what `json` returned.

        Raises:
            ValueError: these are no messages.
        """
        return cls(_MESSAGES.validate_json(messages))

    def json(self) -> bytes:
        """Return the messages that it began with, before `followed_by`, as a JSON array."""
        return b"[%b]" % b",".join(self._parts[:1])

    def followed_by(self, *messages: Message) -> "Prompt":
        """Return a prompt with further messages at its end; it shares what is encoded already."""
        longer = Prompt(messages)
        longer._parts = self._parts + longer._parts
        longer._count += self._count
        longer.size += self.size
        longer._measured = self._measured + longer._measured
        return longer

    @property
    def added(self) -> Sequence[Message]:
        """Return the messages that were added by `followed_by`."""
        return _decode(self._parts[1:])

    def tokens(self, model: str) -> int:
        """Estimate the tokens for a model."""
        return self._measured.tokens(model)

    def objects(self) -> list[JsonObject]:
        """Return the messages as JSON objects: as `model_dump` returns them, which were validated before."""
        objects: list[JsonObject] = orjson.loads(b"[%b]" % b",".join(self._parts))
        return objects

    def __len__(self) -> int:
        return self._count

    def __iter__(self) -> Iterator[Message]:
        return iter(_decode(self._parts))

    @overload
    def __getitem__(self, index: int) -> Message: ...

    @overload
    def __getitem__(self, index: slice) -> Sequence[Message]: ...

    def __getitem__(self, index: int | slice) -> Message | Sequence[Message]:
        return _decode(self._parts)[index]


def _decode(parts: Sequence[bytes]) -> list[Message]:
    if not parts:
        return []
    return _MESSAGES.validate_python(orjson.loads(b"[%b]" % b",".join(parts)))


def _encode(messages: Sequence[Message]) -> bytes:
    # Without the brackets of the array, so that parts can be joined. pydantic's own encoder is ten times slower.
    return orjson.dumps([message.model_dump(exclude_unset=True) for message in messages])[1:-1]


NO_MESSAGES: Final = Prompt(())
"""The prompt of a generation that has ended."""
