"""Responses that later requests may refer to, as long as there is memory for them. Pure.

A response is a part of the log of its generation, with the request that it answers. The items of a conversation are
encoded once: all responses of a conversation share them.
"""

from collections import OrderedDict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final

import orjson

from gateway.generation.generation import Generation
from gateway.protocol.commands import JsonObject

CLIENT_SHARE: Final = 4
"""One client may fill this part of the memory of stored responses."""

OVERHEAD: Final = 512
"""Bytes that are counted for a response itself."""


class Items:
    """Items of a conversation as JSON, without the brackets of the list. `refs` counts the responses that have it.

    `key` is by what the gateways of a deployment find them, "" if they were not shared, and `kept_until` for how long.
    """

    __slots__ = ("data", "kept_until", "key", "refs")

    def __init__(self, items: Sequence[JsonObject] = (), data: bytes | None = None) -> None:
        self.data = orjson.dumps(items)[1:-1] if data is None else data
        self.refs = 0
        self.key = ""
        self.kept_until = 0.0


Conversation = tuple[Items, ...]


def decode(conversation: Iterable[Items]) -> list[JsonObject]:
    """Return the items of a conversation. Each time, they are decoded."""
    parts = b",".join(part.data for part in conversation if part.data)
    items: list[JsonObject] = orjson.loads(b"[%b]" % parts)
    return items


@dataclass(eq=False, slots=True)
class StoredResponse:
    """A response. Its events are what its generation's log has from `after` to `until`, or to its end.

    A response to which a client has added input (`response.steer`) ends there, and another one follows.
    """

    id: str
    owner: str
    """Id of the principal."""
    body: bytes
    """The request without its input, as JSON."""
    input: Conversation
    """All that the answer follows: the conversation before, and the request's own input."""
    created: int
    model: str
    generation: Generation | None = None
    """None: it has no log, and is only continued from."""
    scope: object = None
    """The connection that alone can refer to it; None: each request of its owner can."""
    after: int = 0
    until: int | None = None
    output: Items | None = None
    """What it answered; None: that is read from the log."""
    size: int = field(init=False, default=0)

    @property
    def is_running(self) -> bool:
        """Return True if more events may follow."""
        return self.until is None and self.generation is not None and not self.generation.log.ended

    @property
    def parts(self) -> Conversation:
        """Return everything that it holds of its conversation."""
        return self.input if self.output is None else (*self.input, self.output)


@dataclass(slots=True)
class _Shelf:
    """The responses of one owner, oldest first, and the bytes that they take."""

    responses: OrderedDict[str, StoredResponse] = field(default_factory=OrderedDict)
    size: int = 0


class ResponseStore:
    """Stored responses by id; the oldest of an owner make room for its newer ones, the oldest of all for any."""

    def __init__(self, max_bytes: int = 64 << 20, retention: float = 3600.0) -> None:
        self.size = 0
        """Bytes that all of them take."""
        self.retention = retention
        """How long the generation of a stored response is kept at least, in seconds."""
        self.max_bytes_per_owner = max_bytes // CLIENT_SHARE
        self.on_store: Callable[[StoredResponse], None] | None = None
        """Called with each response, but those of a connection, that was added or has changed."""
        self.on_delete: Callable[[str, str], None] | None = None
        """Called with the id and the owner of each response that a client has deleted."""
        self._max_bytes = max_bytes
        self._responses: OrderedDict[str, StoredResponse] = OrderedDict()
        self._shelves: dict[str, _Shelf] = {}
        self._by_generation: dict[str, list[str]] = {}

    def __len__(self) -> int:
        return len(self._responses)

    def add(self, response: StoredResponse) -> None:
        """Store a response, unless it is stored already. One for which there is no memory is forgotten at once."""
        if response.id in self._responses:
            return
        shelf = self._shelves.setdefault(response.owner, _Shelf())
        self._responses[response.id] = shelf.responses[response.id] = response
        if response.generation is not None:
            self._by_generation.setdefault(response.generation.id, []).append(response.id)
        response.size = len(response.body) + OVERHEAD
        self._count(shelf, response.size + sum(map(_hold, response.parts)))
        self._make_room(shelf)
        self._on_store(response)

    def __contains__(self, response_id: str) -> bool:
        return response_id in self._responses

    def finish(self, response: StoredResponse, output: Items) -> None:
        """Keep what a response has answered, so that its log is not needed to continue from it."""
        if response.output is not None:
            return
        response.output = output
        if self._responses.get(response.id) is response:
            shelf = self._shelves[response.owner]
            self._count(shelf, _hold(output))
            self._make_room(shelf)
        self._on_store(response)

    def find(self, response_id: str, owner: str, scope: object = None) -> StoredResponse | None:
        """Return a response; None if it is unknown, another owner's, or only for another connection than `scope`."""
        response = self._responses.get(response_id)
        if response is None or response.owner != owner:
            return None
        return response if response.scope is None or response.scope is scope else None

    def newest_first(self, owner: str, scope: object = None) -> list[StoredResponse]:
        """Return all that `find` would return to an owner, newest first."""
        shelf = self._shelves.get(owner)
        if shelf is None:
            return []
        return [response for response in reversed(shelf.responses.values()) if response.scope in {None, scope}]

    def delete(self, response_id: str, owner: str) -> None:
        """Forget a response, on all gateways; an unknown one is ignored."""
        self.forget(response_id)
        if self.on_delete is not None:
            self.on_delete(response_id, owner)

    def forget(self, response_id: str) -> None:
        """Forget a response here; an unknown one is ignored."""
        response = self._responses.pop(response_id, None)
        if response is None:
            return
        shelf = self._shelves[response.owner]
        del shelf.responses[response_id]
        self._count(shelf, -response.size - sum(map(_release, response.parts)))
        if not shelf.responses:
            del self._shelves[response.owner]
        if response.generation is not None:
            siblings = self._by_generation[response.generation.id]
            siblings.remove(response_id)
            if not siblings:
                del self._by_generation[response.generation.id]

    def forget_generation(self, generation_id: str) -> None:
        """Forget the responses of a generation whose log is no longer kept."""
        for response_id in tuple(self._by_generation.get(generation_id, ())):
            self.forget(response_id)

    def has_any_of(self, generation_id: str) -> bool:
        """Return True if a response of a generation is stored."""
        return generation_id in self._by_generation

    def _on_store(self, response: StoredResponse) -> None:
        if self.on_store is not None and response.scope is None and response.generation is not None:
            self.on_store(response)

    def _count(self, shelf: _Shelf, size: int) -> None:
        shelf.size += size
        self.size += size

    def _make_room(self, shelf: _Shelf) -> None:
        while shelf.responses and shelf.size > self.max_bytes_per_owner:
            self.forget(next(iter(shelf.responses)))
        while self.size > self._max_bytes:
            self.forget(next(iter(self._responses)))


def _hold(items: Items) -> int:
    """Count a reference; return the bytes that it adds."""
    items.refs += 1
    return len(items.data) if items.refs == 1 else 0


def _release(items: Items) -> int:
    """Drop a reference; return the bytes that it frees."""
    items.refs -= 1
    return 0 if items.refs else len(items.data)
