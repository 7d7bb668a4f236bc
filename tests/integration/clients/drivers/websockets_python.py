"""`websockets`: a key in a header of the handshake, commands on the same socket."""

import asyncio
import json
from typing import Any

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect as connect_sync
from websockets.typing import Subprotocol

from tests.integration.clients.drivers import kit
from tests.integration.clients.drivers.kit import finish, scenario
from tests.integration.clients.drivers.readers import Request, Result, play

RECONNECT_SECONDS = 0.1
UNAUTHENTICATED = 4401
URL = f"{kit.BASE_URL.replace('http', 'ws', 1)}/api/ws"
OPTIONS: dict[str, Any] = {"subprotocols": [Subprotocol("dualstream.v1")], "max_size": 64 * 2**20}
# The newest socket, for commands.
_sockets: list[ClientConnection] = []
_sending: set[asyncio.Task[None]] = set()


def first_command(request: Request, reading: Result) -> str:
    """Return the command that starts an answer, or attaches to it at the position that is reached."""
    if generation := reading.id or request.generation:
        after = {"after": reading.positions[-1]} if reading.positions else {}
        return json.dumps({"type": "attach", "generation_id": generation, **after})
    return json.dumps({"type": "start", **request.start})


async def read(request: Request) -> Result:
    """Read an answer to its end, over as many connections as that takes."""
    reading = Result(request.on_event)
    headers = {"Authorization": f"Bearer {request.key}"}
    while reading.end is None:
        try:
            url = f"{request.base.replace('http', 'ws', 1)}/api/ws"
            async with connect(url, additional_headers=headers, **OPTIONS) as socket:
                _sockets.append(socket)
                await socket.send(first_command(request, reading))
                async for message in socket:
                    event = json.loads(message)
                    if reading.take(event, event.get("seq")):
                        break
        except ConnectionClosed as closed:
            if closed.rcvd is not None and closed.rcvd.code == UNAUTHENTICATED:
                reading.end = {"code": "auth_error", "retryable": False}
            await asyncio.sleep(RECONNECT_SECONDS)
    return reading


def interrupt(generation: str) -> None:
    """Send an interrupt over the newest socket."""
    command = json.dumps({"type": "interrupt", "generation_id": generation})
    task = asyncio.ensure_future(_sockets[-1].send(command))
    _sending.add(task)
    task.add_done_callback(_sending.discard)


play("socket", read, interrupt)


@scenario("socket/abort")
def _() -> str:
    reading = Result()
    request = Request("slow", options={"on_disconnect": "cancel"})
    with connect_sync(URL, additional_headers={"Authorization": f"Bearer {kit.KEY}"}, **OPTIONS) as socket:
        socket.send(first_command(request, reading))
        for message in socket:
            reading.take(json.loads(message), None)
            if reading.pieces == 3:
                break
    return kit.hung_up()


@scenario("socket/several")
async def _() -> None:
    """One socket carries both answers."""
    texts: dict[str, str] = {}
    ended = 0
    async with connect(URL, additional_headers={"Authorization": f"Bearer {kit.KEY}"}, **OPTIONS) as socket:
        for _number in range(2):
            await socket.send(first_command(Request(), Result()))
        while ended < 2:
            event = json.loads(await socket.recv())
            if event["type"] == "chunk":
                texts[event["generation_id"]] = texts.get(event["generation_id"], "") + event["content"]
            ended += event["type"] == "complete"
    assert list(texts.values()) == [kit.TEXT, kit.TEXT]


finish()
