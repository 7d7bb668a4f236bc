"""The runs of TanStack AI's clients: each has a position in its own."""

from typing import NamedTuple

from pydantic import JsonValue

from gateway.api.services import Services
from gateway.dialects.ag_ui.transcript import transcript_of
from gateway.dialects.base import DialectStart, Projection, ResponseIdentity
from gateway.dialects.tanstack.dialect import TanStackDialect
from gateway.dialects.tanstack.event_ids import FROM_THE_START, parse_event_id
from gateway.dialects.tanstack.ui_messages import ui_messages
from gateway.generation.event_log import merge
from gateway.generation.generation import Generation
from gateway.protocol.commands import JsonObject
from gateway.protocol.errors import Refused
from gateway.security.principals import Principal
from transports.chat_ui.newest import name_newest
from transports.chat_ui.runs import Runs
from transports.projected.endpoint import alias_of


class Resumed(NamedTuple):
    """A run as a client resumes it: its projection, from which the first `skip` events are left out."""

    generation: Generation
    projection: Projection
    skip: int


class TanStackRuns(Runs):
    """Runs by their ids, and by the ids of their events."""

    def __init__(self, services: Services, dialect: TanStackDialect) -> None:
        super().__init__(services, dialect)
        self._tanstack = dialect

    async def add(self, generation: Generation, start: DialectStart, sender: Principal) -> None:
        """Keep the request that started a generation, and which thread it belongs to."""
        await super().add(generation, start, sender)
        alias = alias_of(self._dialect, _thread(str(start.call.body.get("threadId"))))
        await name_newest(self._services, generation, alias, sender)

    async def hydration(self, thread_id: str, sender: Principal) -> JsonObject:
        """Return the conversation of a thread, as far as its newest run is kept, and the run if it goes on.

        A client that joins the run gets its answer from there: only one that is over is part of the conversation.
        """
        try:
            generation = await self.find(_thread(thread_id), sender)
            body = await self.input_of(generation)
        except Refused:
            return {"messages": [], "activeRun": None, "interrupts": None}
        messages, active = body.get("messages"), generation.end is None
        said: list[JsonValue] = [*messages] if isinstance(messages, list) else []
        if not active:
            said += transcript_of(self._replayed(generation, body), merge(generation.log.since(0))).messages
        run: JsonObject | None = {"runId": body.get("runId")} if active else None
        return {"messages": [*ui_messages(said)], "activeRun": run, "interrupts": None}

    async def resumed(self, offset: str, run_id: str, param: str, sender: Principal) -> Resumed:
        """Return the run that a client resumes, after an event, or from the start of the run of an id.

        Raises:
            Refused: `generation_lost`, or the offset is none of ours.
        """
        if offset == FROM_THE_START:
            generation, skip = await self.find(run_id, sender), 0
        else:
            generation_id, skip = parse_event_id(offset, param)
            generation = await self._services.generations.find(generation_id, sender)
        return Resumed(generation, self._replayed(generation, await self.input_of(generation)), skip)

    def _replayed(self, generation: Generation, body: JsonObject) -> Projection:
        return self._tanstack.replayed(body, ResponseIdentity(generation.id, generation.model, generation.created))


def _thread(thread_id: str) -> str:
    """Return the name of a thread, which is none of a run."""
    return f"thread {thread_id}"
