"""What a dialect is: how clients of another API start a generation, and how they read its log. Pure.

There are dialects of providers' APIs (`ModelApiDialect`), and of the protocols of chat UIs.

A dialect parses a request into our start (`Dialect.parse`), and a projection turns the entries of the log into the
events of its API, one after the other (`Projection.project`). A response that is not streamed is made of the same
events (`ModelApiDialect.document`), so that the two never differ.

Where the provider has the same API, its own data is in the log (`Entry.verbatim`), and is passed on in place of what
was read from it. A projection decides this by each attempt: verbatim data belongs to the attempt that it came from.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache, partial
from typing import Final, Literal, NamedTuple, Protocol, TypeGuard, runtime_checkable

from gateway.generation.event_log import Entry
from gateway.protocol.commands import JsonObject, StartRequest
from gateway.protocol.errors import Code, Refused
from gateway.upstreams.base import VerbatimRequest

SHARED_PATHS: Final = "/v1/"
"""Beginning of the paths that several APIs share, which their headers distinguish."""


@dataclass(frozen=True, slots=True)
class Call:
    """A request to a dialect: its decoded body, and what else the API reads. Names of headers are in lower case."""

    body: JsonObject
    path: Mapping[str, str] = field(default_factory=dict)
    """Parameters in the path, such as `model`."""
    query: Mapping[str, str] = field(default_factory=dict, repr=False)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    """They hold the credential of the client."""
    route: str = ""
    """The one of `Dialect.paths` that it was sent to."""


@dataclass(frozen=True, slots=True)
class DialectStart:
    """A request as a start of ours. `call` is what it was read from."""

    request: StartRequest
    stream: bool
    call: Call
    verbatim: VerbatimRequest | None = None
    alias: str = field(default="", kw_only=True)
    """The client's own id of what it starts, by which it comes back (`Generations.add_alias`); "" if it has none."""
    framing: Literal["event_stream", "json_array"] = field(default="event_stream", kw_only=True)
    """How events are framed if the response is streamed."""


class ResponseIdentity(NamedTuple):
    """What a response says of its generation: id, model as the client asked for it, seconds since 1970."""

    generation_id: str
    model: str
    created: int


class ProjectedEvent(NamedTuple):
    """An event of the API: the data of one frame, and its name in text/event-stream, b"" for none."""

    data: bytes
    name: bytes = b""


class Projection(Protocol):
    """Turns the entries of one log, in order and each once, into the events of an API. It may keep a state."""

    @property
    def is_cut(self) -> bool:
        """The response ends as if the connection had been lost, so that its client retries."""
        ...

    def project(self, entry: Entry) -> Sequence[ProjectedEvent]:
        """Return the events that an entry stands for; none for what the API has no word for."""
        ...


@runtime_checkable
class TextProjection(Projection, Protocol):
    """A projection with a short way for text, which comes most often. Its events all have the same name."""

    text_name: bytes
    """That name, in text/event-stream; b"" for none."""

    def project_text(self, entry: Entry) -> bytes:
        """Return the data of the events of an entry, one in a line; b"" if it is not plain text: `project` it."""
        ...


def projects_text(projection: Projection) -> TypeGuard[TextProjection]:
    """Return True for a `TextProjection`. `isinstance` collects all members of a protocol each time: 90 calls."""
    return hasattr(projection, "project_text")


@runtime_checkable
class LiveProjection(Projection, Protocol):
    """A projection that has more than the heartbeat of its dialect to send into a silence."""

    def on_silence(self) -> Sequence[ProjectedEvent]:
        """Return events that say nothing, and by which clients see that the response is alive."""
        ...


class Dialect(Protocol):
    """An API as it is spoken to clients."""

    name: str
    paths: Sequence[str]
    """Paths of the requests that start a generation, by POST. The parameter of a model's name is `{model:model}`."""
    content_type: str
    """Content type of a streamed response."""
    heartbeat: bytes
    """What is sent into a silence, framing included."""
    key_parameter: str
    """Parameter of the URL that may carry the client's key; "" for none."""

    def owns(self, path: str, headers: Mapping[str, str]) -> bool:
        """Return True if what is refused at this path is refused in the form of this API.

        Headers count only below `SHARED_PATHS`; elsewhere the path decides.
        """
        ...

    def parse(self, call: Call) -> DialectStart:
        """Read a request.

        Raises:
            Refused: it is not valid, or asks for what no provider of ours could do; `param` names the field.
        """
        ...

    def projection(self, start: DialectStart, identity: ResponseIdentity) -> Projection:
        """Return the projection of a response to a request."""
        ...

    def status(self, refused: Refused) -> int:
        """Return the status of a refusal, by which clients of the API repeat the request only if that can help.

        It is `final_status(refused)`, unless clients of this API repeat after other statuses.
        """
        ...

    def refusal(self, refused: Refused) -> JsonObject:
        """Return the body of a refusal, or of the failure of a generation before its first content.

        Its status is `status(refused)`, and its headers are those of every refusal and `retry_headers`.
        """
        ...


@runtime_checkable
class ModelApiDialect(Dialect, Protocol):
    """The API of a provider. `api` is its name in the settings (`upstream_api`)."""

    api: str

    def document(self, start: DialectStart, events: Iterable[ProjectedEvent]) -> JsonObject:
        """Return the response that is not streamed, made of the events of the whole log."""
        ...


def is_model_api(dialect: Dialect) -> TypeGuard[ModelApiDialect]:
    """Return True for a `ModelApiDialect`, without the cost of `isinstance`; see `projects_text`."""
    return hasattr(dialect, "api") and hasattr(dialect, "document")


@runtime_checkable
class AnsweringDialect(Protocol):
    """A dialect of an API that has a response of its own for some failures before the first content."""

    answered: Collection[Code]
    """Codes of these failures. They are projected with status 200, and not refused."""


@runtime_checkable
class PlainRefusals(Protocol):
    """A dialect whose clients show the body of a refusal as it is: it is text for a person, and not `refusal`."""

    def refusal_text(self, refused: Refused) -> str:
        """Return the body of a refusal."""
        ...


class DialectFinder:
    """Finds the dialect of a request; most requests are sent to a few paths, and those are looked up once."""

    def __init__(self, dialects: Iterable[Dialect]) -> None:
        self._dialects = tuple(dialects)
        # Few: a path that a client makes up may have 32 KB.
        self._of_path = lru_cache(maxsize=64)(partial(self._search, headers={}))

    def find(self, path: str, headers: Mapping[str, str]) -> Dialect | None:
        """Return the dialect in whose form a request is refused; None for one of our own protocol."""
        return self._search(path, headers) if path.startswith(SHARED_PATHS) else self._of_path(path)

    def _search(self, path: str, headers: Mapping[str, str]) -> Dialect | None:
        for dialect in self._dialects:
            if dialect.owns(path, headers):
                return dialect
        return None
