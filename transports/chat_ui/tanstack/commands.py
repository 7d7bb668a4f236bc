"""The messages of one socket of a TanStack AI client: runs, and their stops."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import partial
from typing import Final, NamedTuple

import orjson

from gateway.api.coalescing import with_coalesce_header
from gateway.api.requests import parse_json
from gateway.api.services import Services
from gateway.api.start_source import source_of
from gateway.dialects.ag_ui.request import MAX_ID_LENGTH
from gateway.dialects.base import Call, ProjectedEvent, ResponseIdentity
from gateway.dialects.tanstack.dialect import PATH, TanStackDialect
from gateway.dialects.tanstack.event_ids import format_event_id
from gateway.generation.event_log import Entry
from gateway.pipeline.hub import new_id
from gateway.protocol.commands import JsonObject
from gateway.protocol.errors import Code, Refused, invalid
from gateway.security.authenticator import missing_credential
from gateway.security.principals import Principal
from transports.chat_ui.newest import stop
from transports.chat_ui.tanstack.runs import Resumed, TanStackRuns
from transports.handshake import SocketIdentity
from transports.projected.socket import SocketStream
from transports.viewer import Viewer
from transports.websocket_commands import MAX_UNREADABLE, Close, leading_fields

_RUN_IDS: Final = ("threadId", "runId")


class _Reader(NamedTuple):
    """A run on a socket, by the client's own id; "" for one that the socket resumes."""

    run_id: str
    stream: SocketStream


class TanStackCommands:
    """Executes the messages of one socket. Its owner calls `close` in the end."""

    def __init__(  # noqa: PLR0917 - the parts of one socket
        self,
        services: Services,
        dialect: TanStackDialect,
        runs: TanStackRuns,
        headers: Mapping[str, str],
        identity: SocketIdentity,
        viewer: Viewer,
        send_json: Callable[[dict[str, object]], Awaitable[None]],
    ) -> None:
        self.is_over = False
        """The last message of the run that the socket resumes has been made."""
        self._services = services
        self._dialect = dialect
        self._runs = runs
        self._headers = headers
        self._identity = identity
        self._viewer = viewer
        self._send_json = send_json
        self._readers: dict[str, _Reader] = {}
        """The runs on this socket that have not ended, by the id of their generation."""
        self._unreadable = 0

    @property
    def are_done(self) -> bool:
        """Return True: each message is executed before the next one is read."""
        return True

    async def finish(self) -> None:
        """Return at once."""

    def close(self) -> None:
        """Forget what was counted for the socket, and its runs."""
        self._services.commands.forget(self._name)
        self._readers.clear()

    async def handle(self, text: str | None, read_at: float) -> Close | None:
        """Execute one message, which `text` None says was binary; return why the socket must be closed."""
        body: JsonObject = {}
        too_many = self._services.commands.count_message(self._name, self._identity.address, read_at)
        try:
            body = _object_of(text)
            if body.get("type") == "abort":
                await self._stop(str(body.get("runId")), read_at)
            else:
                if too_many is not None:
                    raise too_many
                await self._run(body)
            self._unreadable = 0
        except Refused as refused:
            await self._send_error(refused, body)
        return self._reason_to_close(too_many)

    async def reject(self, refused: Refused, head: str, read_at: float) -> Close | None:
        """Reject a message that was not kept and begins with `head`; return why the socket must be closed."""
        too_many = self._services.commands.count_message(self._name, self._identity.address, read_at)
        await self._send_error(refused, leading_fields(head))
        return self._reason_to_close(too_many)

    def messages(self, generation_id: str, entry: Entry) -> Sequence[bytes]:
        """Return the messages that an entry of the log of a run stands for."""
        reader = self._readers.get(generation_id)
        if reader is None:
            return ()
        messages = reader.stream.messages(entry)
        if reader.stream.is_over:
            del self._readers[generation_id]
        return messages

    def go_on(self, resumed: Resumed) -> None:
        """View a run after the events that the client has."""
        self._view("", resumed, self._end_resumed)

    def _end_resumed(self, _is_cut: object) -> Sequence[bytes]:
        self.is_over = True
        return ()

    async def _run(self, body: JsonObject) -> None:
        """Start a run.

        Raises:
            Refused: it is not valid, or there is no room for it.
        """
        if len(self._readers) >= self._services.max_generations_per_socket:
            message = f"{len(self._readers)} runs go on on this socket, the maximum: wait for one to end."
            raise Refused(Code.RATE_LIMIT, message, retry_after_ms=1000)
        sender = self._principal()
        start = self._dialect.parse(Call(body, headers=self._headers, route=PATH))
        generation = await self._services.generations.start(
            with_coalesce_header(start.request, self._headers),
            request_id=new_id("r"),
            principal=sender,
            source=source_of(self._headers, "websocket", self._dialect.name),
        )
        with self._services.generations.client_may_leave(generation.id):
            await self._leave(start.alias, sender)
            await self._runs.add(generation, start, sender)
        identity = ResponseIdentity(generation.id, start.request.model or generation.model, generation.created)
        self._view(start.alias, Resumed(generation, self._dialect.projection(start, identity), 0), lambda _is_cut: ())

    def _view(self, run_id: str, resumed: Resumed, at_end: Callable[[bool], Sequence[bytes]]) -> None:
        generation, projection, skip = resumed
        envelope = partial(_envelope, generation.id)
        self._readers[generation.id] = _Reader(run_id, SocketStream(projection, envelope, at_end, skip=skip))
        self._viewer.attach(generation, 0)
        self._viewer.follow()

    async def _leave(self, run_id: str, sender: Principal) -> None:
        """Stop the run of this id that still goes on here: its client runs it again, and expects the new one alone."""
        generation_id = next((found for found, reader in self._readers.items() if reader.run_id == run_id), None)
        if generation_id is not None:
            del self._readers[generation_id]
            self._viewer.detach(generation_id)
            await stop(self._services, generation_id, sender, self._services.clock.now())

    async def _stop(self, run_id: str, read_at: float) -> None:
        """Stop a run.

        Raises:
            Refused: `generation_lost`.
        """
        sender = self._principal()
        generation = await self._runs.find(run_id, sender)
        await stop(self._services, generation.id, sender, read_at)

    async def _send_error(self, refused: Refused, body: Mapping[str, object]) -> None:
        """Send a refusal as the end of the run that it belongs to. An error of no run would be one of all of them."""
        self._unreadable += not isinstance(body.get("runId"), str)
        await self._send_json(error_event(self._dialect, refused, body))

    def _reason_to_close(self, too_many: Refused | None) -> Close | None:
        if self._unreadable >= MAX_UNREADABLE:
            return Close(4400, "Not valid messages; see docs/reference/chat-uis.md.")
        now = self._services.clock.now()
        if too_many is not None and self._services.commands.is_flooded(self._name, self._identity.address, now):
            return Close(4429, "Too many messages, also after they were rejected: slow down.")
        return None

    def _principal(self) -> Principal:
        """Return the principal as it is now: a socket may outlive its key."""
        principal = self._identity.renew()
        if principal is None:
            raise missing_credential()
        return principal

    @property
    def _name(self) -> str:
        return f"{id(self):x}"


def error_event(dialect: TanStackDialect, refused: Refused, body: Mapping[str, object]) -> dict[str, object]:
    """Return a refusal as the end of a run."""
    ids: dict[str, object] = {
        name: value[:MAX_ID_LENGTH] for name in _RUN_IDS if isinstance(value := body.get(name), str)
    }
    error = dialect.refusal(refused)["error"]
    fields = error if isinstance(error, dict) else {}
    shown = {"message": fields["message"], "code": fields["code"]}
    return {"type": "RUN_ERROR", **ids, **shown, "metadata": {"dualstream": fields}}


def _object_of(text: str | None) -> JsonObject:
    if text is None:
        message = "The message is binary: send messages as text."
        raise invalid(message)
    value = parse_json(text, "The message")
    if not isinstance(value, dict):
        message = "The message must be a JSON object: the input of a run, or an abort."
        raise invalid(message)
    return value


def _envelope(generation_id: str, number: int, event: ProjectedEvent) -> bytes:
    event_id = orjson.dumps(format_event_id(generation_id, number))
    return b'{"id":%b,"chunk":%b}' % (event_id, event.data)
