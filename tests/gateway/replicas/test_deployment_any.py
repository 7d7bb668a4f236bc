"""Any interleaving of answers, viewers that move, pauses, deaths and a store that fails: what clients may see.

- The text at a position is one and the same for all clients, whenever and on whatever gateway they got there.
- In the end all of them have the same text and the same terminal event, that which is stored. A client may have seen
  another end only if the gateway that ran the generation was lost, or lost the store, right after that.
- A generation runs on one gateway at most, of those that can use the store, and each of its owners has called a
  provider once.
"""

import asyncio
from collections.abc import Coroutine
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, TypeVar

import orjson
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test

from gateway.api.services import Services
from gateway.client.frames import Frame
from gateway.client.view import View
from gateway.generation.event_log import EPOCH_EVENTS, Entry
from gateway.protocol.commands import FeedbackRequest, InterruptRequest
from gateway.protocol.errors import Refused
from gateway.protocol.event_decoder import decode
from gateway.protocol.events import Terminal
from gateway.replicas.policy import OnOwnerLost, ReplicaPolicy
from gateway.store.logs import Position
from tests.event_loop import settle
from tests.gateway.replicas.deployment import Deployment, Gateway, deployment
from tests.gateway.store.faulty_store import When
from tests.scripted_upstream import ScriptedCall
from tests.start_requests import ANONYMOUS, start_request
from transports.viewer import Viewer

GATEWAYS = 3
OPERATIONS = (
    *("logs.append", "logs.create", "logs.read", "logs.take", "logs.owned", "logs.prompt"),
    *("members.renew", "messages.send", "messages.receive"),
)

T = TypeVar("T")

gateways = st.integers(0, GATEWAYS - 1)
numbers = st.integers(0, 5)


@dataclass(eq=False)
class Client:
    """A client that reads one generation, from one gateway after the other."""

    number: int
    generation_id: str
    texts: dict[int, str]
    """The text by position, as any client of the generation has seen it."""
    view: View = field(init=False)
    viewer: Viewer | None = None
    gateway: Gateway | None = None
    framing: str = "any"
    transport = "sse"

    def __post_init__(self) -> None:
        self.view = View(self.generation_id)

    def frame(self, generation_id: str, entry: Entry) -> bytes:
        assert generation_id == self.generation_id
        return b"%d %b" % (entry.last, entry.data)

    def write(self, frames: list[bytes]) -> bool:
        for frame in frames:
            seq, data = frame.split(b" ", 1)
            self.receive(int(seq), data)
        return True

    def receive(self, seq: int, data: bytes) -> None:
        assert self.view.terminal is None, "an event after the terminal event"
        assert seq > self.view.seq, f"position {seq} after {self.view.seq}"
        self.view.receive(Frame(self.generation_id, seq, decode(orjson.loads(data))))
        text = self.view.content.text
        assert self.texts.setdefault(seq, text) == text, f"two versions of position {seq}"

    def unsent_bytes(self) -> int:
        return 0

    def send_heartbeat(self) -> bool:
        return True

    def leave(self) -> None:
        viewer, self.viewer, self.gateway = self.viewer, None, None
        if viewer is not None:
            if viewer.final_frames:
                self.write([*viewer.final_frames])
            viewer.close()


class AnyDeployment(RuleBasedStateMachine):
    """Gateways, generations and clients."""

    on_owner_lost: OnOwnerLost = "fail"

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.context = deployment(GATEWAYS, ReplicaPolicy(on_owner_lost=self.on_owner_lost))
        self.shared: Deployment = self.run(self.context.__aenter__())
        self.names: list[str] = []
        self.texts: dict[str, dict[int, str]] = {}
        self.clients: list[Client] = []
        self.stopped: set[int] = set()
        self.killed: set[int] = set()
        self.cut: set[int] = set()
        self.was_troubled = False
        self.pieces = 0
        self.tasks: list[asyncio.Task[None]] = []

    def run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        return self.runner.run(coroutine)

    def gateway(self, number: int) -> Gateway | None:
        return None if number in self.stopped else self.shared.gateways[number]

    # What happens.

    @precondition(lambda self: len(self.names) < 2)
    @rule(number=gateways)
    def start(self, number: int) -> None:
        gateway = self.gateway(number)
        if gateway is not None:
            self.run(self._start(gateway))

    async def _start(self, gateway: Gateway) -> None:
        task = asyncio.create_task(gateway.start(start_request(f"question {len(self.names)}")))
        await settle()
        await self._finish(task)
        if task.done() and not task.cancelled() and task.exception() is None:
            name = task.result().id
            self.names.append(name)
            self.texts[name] = {}
            self.clients += [Client(len(self.clients) + index, name, self.texts[name]) for index in range(2)]

    async def _finish(self, task: asyncio.Task[Any]) -> None:
        for _ in range(60):
            if task.done():
                break
            await self.shared.advance(0.2)
        with suppress(Refused):
            await asyncio.wait_for(task, 0)

    @precondition(lambda self: self.names)
    @rule(which=numbers, count=st.integers(1, 3))
    def send(self, which: int, count: int) -> None:
        self.run(self._send(self.names[which % len(self.names)], count))

    async def _send(self, name: str, count: int) -> None:
        for number, call in self._calls(name):
            if number not in self.stopped:
                for _ in range(count):
                    self.pieces += 1
                    call.send(f"{number}.{self.pieces} ")
        await settle()

    @precondition(lambda self: self.names)
    @rule(which=numbers)
    def finish(self, which: int) -> None:
        self.run(self._end(self.names[which % len(self.names)]))

    async def _end(self, name: str) -> None:
        for number, call in self._calls(name):
            if number not in self.stopped:
                call.finish()
        await settle()

    @rule(seconds=st.sampled_from([0.01, 0.05, 0.2, 1.0, 4.5]))
    def wait(self, seconds: float) -> None:
        self.run(self.shared.advance(seconds, min(seconds, 0.2)))

    @precondition(lambda self: self.clients)
    @rule(which=numbers, number=gateways)
    def connect(self, which: int, number: int) -> None:
        client, gateway = self.clients[which % len(self.clients)], self.gateway(number)
        client.leave()
        if gateway is not None and client.view.terminal is None:
            self.run(self._begin(self._connect(client, gateway)))

    async def _connect(self, client: Client, gateway: Gateway) -> None:
        with suppress(Refused):
            generation = await gateway.generations.find(client.generation_id, ANONYMOUS, client.view.seq)
            if client.viewer is not None or client.view.terminal is not None or gateway.is_dead:
                return
            services = Services(gateway.hub, gateway.generations, gateway.clock, heartbeat=1e9, viewer_timeout=1e9)
            viewer = Viewer(services, client, lambda: None, close_at_end=True)  # type: ignore[arg-type]
            viewer.attach(generation, client.view.seq)
            client.viewer, client.gateway = viewer, gateway
            viewer.begin()
            if viewer.failure is not None:
                raise viewer.failure

    @precondition(lambda self: self.names)
    @rule(which=numbers, number=gateways, command=st.sampled_from(["interrupt", "note", "revise"]))
    def command(self, which: int, number: int, command: str) -> None:
        gateway = self.gateway(number)
        if gateway is not None:
            self.run(self._begin(self._command(self.names[which % len(self.names)], gateway, command)))

    async def _command(self, name: str, gateway: Gateway, command: str) -> None:
        with suppress(Refused):
            if command == "interrupt":
                await gateway.generations.interrupt(name, InterruptRequest(), gateway.clock.now(), ANONYMOUS)
            else:
                request = FeedbackRequest.model_validate({"mode": command, "text": "shorter"})
                await gateway.generations.feedback(name, request, gateway.clock.now(), ANONYMOUS)

    async def _begin(self, coroutine: Coroutine[Any, Any, None]) -> None:
        self.tasks.append(asyncio.create_task(coroutine))
        await settle()

    # What goes wrong.

    @precondition(lambda self: len(self.stopped) < GATEWAYS - 1)
    @rule(number=gateways, forever=st.booleans())
    def stop(self, number: int, forever: bool) -> None:
        """Stop a gateway as SIGSTOP does, or kill it."""
        if number not in self.stopped:
            self.was_troubled = True
            self.stopped.add(number)
            if forever:
                self.killed.add(number)
            gateway = self.shared.gateways[number]
            gateway.kill()
            for client in self.clients:
                if client.gateway is gateway:
                    client.leave()

    @rule(number=gateways, data_first=st.booleans())
    def go_on(self, number: int, data_first: bool) -> None:
        if number in self.stopped - self.killed:
            self.stopped.discard(number)
            self.run(self._go_on(number, data_first))

    async def _go_on(self, number: int, data_first: bool) -> None:
        if data_first:
            for name in self.names:
                for where, call in self._calls(name):
                    if where == number:
                        self.pieces += 1
                        call.send(f"{number}.{self.pieces} ")
            await settle()
        await self.shared.gateways[number].go_on()

    @rule(number=gateways)
    def disconnect(self, number: int) -> None:
        """Cut a gateway off from the store."""
        self.cut.add(number)
        self.was_troubled = True
        self.run(self._fail(number))

    async def _fail(self, number: int) -> None:
        self.shared.gateways[number].faults.fail()
        await settle()

    @rule(number=gateways)
    def heal(self, number: int) -> None:
        if number in self.cut:
            self.cut.discard(number)
            self.shared.gateways[number].faults.heal()

    @rule(number=gateways, operation=st.sampled_from(OPERATIONS), when=st.sampled_from(When))
    def fail_once(self, number: int, operation: str, when: When) -> None:
        self.shared.gateways[number].faults.fail_once(operation, when=when)

    # What must hold.

    @invariant()
    def no_task_has_failed(self) -> None:
        for task in self.tasks:
            if task.done() and not task.cancelled() and task.exception() is not None:
                raise task.exception()  # type: ignore[misc]
        for client in self.clients:
            if client.viewer is not None and client.viewer.failure is not None:
                raise client.viewer.failure

    def teardown(self) -> None:
        try:
            self.run(self._check())
        finally:
            self.runner.close()

    async def _check(self) -> None:
        shared = self.shared
        for gateway in shared.gateways:
            gateway.faults.heal()
        for number in self.stopped - self.killed:
            await self._go_on(number, data_first=True)
        self.stopped &= self.killed
        await shared.advance(20)
        for name in self.names:
            owners = [
                number
                for number, gateway in enumerate(shared.gateways)
                if number not in self.stopped and gateway.hub.is_running(name)
            ]
            assert len(owners) <= 1, f"{name} runs on {owners}"
            await self._send(name, 2)
            await self._end(name)
        await shared.advance(10)
        alive = [gateway for number, gateway in enumerate(shared.gateways) if number not in self.stopped]
        for name in self.names:
            await self._check_end(name, alive)
        for task in self.tasks:
            assert task.done()
        self.no_task_has_failed()
        for client in self.clients:
            client.leave()
        for number in self.killed:
            gateway = shared.gateways[number]
            gateway.faults.fail()
        await settle()
        for gateway in alive:
            assert gateway.hub.viewers == 0
        await self.context.__aexit__(None, None, None)

    async def _check_end(self, name: str, alive: list[Gateway]) -> None:
        part = (await self.shared.store.logs.read({name: Position()})).get(name)
        if part is None:
            # Its start was refused, and it is gone.
            for gateway in alive:
                assert gateway.hub.record(name) is None or not gateway.hub.is_running(name)
            return
        ends = [entry.event for entry in part.entries if entry.is_end]
        assert len({str(end) for end in ends}) == 1, ends
        end: Terminal = ends[0]  # type: ignore[assignment]
        for client in self.clients:
            if client.generation_id != name:
                continue
            client.leave()
            if client.view.terminal is None:
                await self._connect(client, alive[client.number % len(alive)])
                await settle()
                client.leave()
            assert client.view.terminal is not None
            if client.view.terminal != end:
                # The gateway that it read from ended it, and was lost before that was stored.
                assert client.view.seq // EPOCH_EVENTS < part.head.last // EPOCH_EVENTS
                assert self.was_troubled
        texts = {client.view.content.text for client in self.clients if client.view.terminal == end}
        for gateway in alive:
            generation = await gateway.generations.find(name, ANONYMOUS)
            assert generation.end == end
            texts.add(generation.log.text())
        assert len(texts) == 1, texts

    def _calls(self, name: str) -> list[tuple[int, ScriptedCall]]:
        """Return the open calls for a generation, with the numbers of their gateways."""
        question = f"question {self.names.index(name)}"
        return [
            (number, call)
            for number, gateway in enumerate(self.shared.gateways)
            for call in gateway.upstream.calls
            if not call.closed and call.request.messages[0].content == question
        ]


class AnyDeploymentThatContinues(AnyDeployment):
    """The same, where another gateway continues what a dead one ran."""

    on_owner_lost: OnOwnerLost = "continue"


@pytest.mark.parametrize("machine", [AnyDeployment, AnyDeploymentThatContinues])
def test_any_deployment(machine: type[AnyDeployment]) -> None:
    bounds = settings(max_examples=25, stateful_step_count=30, suppress_health_check=[HealthCheck.too_slow])
    run_state_machine_as_test(machine, settings=bounds)
