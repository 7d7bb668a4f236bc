"""More than is allowed: messages, fragments, generations, streams, connections, commands."""

import asyncio
from collections.abc import Sequence
from contextlib import AsyncExitStack, suppress
from typing import Final

import aiohttp

from gateway.config import Settings
from tests.integration.attacks.outcome import Outcome, unless
from tests.integration.attacks.stage import Stage, megabytes
from tests.integration.attacks.wire import Received, dial, request
from tests.integration.processes import gateway

UPGRADE: Final = (
    "Connection: Upgrade",
    "Upgrade: websocket",
    "Sec-WebSocket-Version: 13",
    "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==",
)
MASK: Final = b"\0\0\0\0"
"""A mask that changes nothing."""
MEBIBYTE: Final = 1 << 20


async def run(stage: Stage) -> list[Outcome]:
    """Run them one after the other."""
    key = f"Authorization: {stage.bearer('bob')['Authorization']}"
    texts = _frame(1, b"x" * 32768)
    fragments = _frame(0, b"x" * 65536, last=False)
    return [
        await _framed(
            stage,
            "One frame: 1 GiB declared",
            (key,),
            [b"\x81\xff" + (1 << 30).to_bytes(8) + MASK],
            "16 MiB for a message: the rest is skipped, and the socket lives",
            closed=False,
        ),
        await _framed(
            stage,
            "A message without end",
            (key,),
            [_frame(1, b"x", last=False), *[fragments] * 1024],
            "16 MiB for a message: the rest is skipped, and the socket lives",
            closed=False,
        ),
        await _framed(
            stage,
            "Half a million empty fragments",
            (key,),
            [_frame(1, b"x", last=False), *[_frame(0, b"", last=False) * 4096] * 128],
            "4,096 fragments for a message",
            closed=False,
        ),
        await _framed(stage, "A control frame of 126 bytes", (key,), [_frame(9, b"x" * 126)], "RFC 6455, 5.5"),
        await _framed(
            stage, "Binary messages", (key,), [_frame(2, b"x") * 10], "ten messages in a row that are not commands"
        ),
        await _framed(stage, "Text that is not UTF-8", (key,), [_frame(1, b"\xff")], "RFC 6455, 8.1"),
        await _framed(
            stage,
            "A hello of 17 KiB, no key",
            (),
            [_frame(1, b'{"type":"hello","token":"%b"}' % (b"x" * 17408))],
            "16 KiB for a message before a `hello`",
        ),
        await _framed(
            stage,
            "A message of 8 MiB before any hello",
            (),
            [_frame(1, b"x" * 65536, last=False), *[fragments] * 127],
            "64 KiB before a `hello`",
        ),
        await _framed(
            stage, "Many messages before any hello", (), [texts] * 64, "16 KiB for a message before a `hello`"
        ),
        await _framed(
            stage,
            "A list of subprotocols of 30 KB",
            (key, f"Sec-WebSocket-Protocol: {'dualstream.v1, ' * 2000}x"),
            [],
            "8 KiB for the subprotocols",
        ),
        await _pings(stage, key),
        await _generations_on_a_socket(stage),
        *await _new_limits(stage),
    ]


async def _framed(
    stage: Stage, name: str, headers: Sequence[str], frames: Sequence[bytes], stopped_by: str, *, closed: bool = True
) -> Outcome:
    before = megabytes(stage.keyed)
    async with dial(stage.keyed.url) as wire:
        await wire.send(request("GET", "/api/ws", *headers, *UPGRADE))
        head = await wire.receive(8)
        sent = 0
        for frame in frames:
            if wire.writer.is_closing() or wire.reader.at_eof():
                break
            await wire.send(frame)
            sent += len(frame)
        rest = await wire.receive(8 if closed else 1) if not head.closed else head
    received = Received(head.raw + (rest.raw if rest is not head else b""), rest.closed)
    grown = megabytes(stage.keyed) - before
    return Outcome(
        name,
        "on a WebSocket",
        received.describe(),
        stopped_by,
        unless(
            it_was_closed=not closed or received.closed or "close code" in received.describe(),
            memory_is_bounded=grown < 64,
        ),
        # Data sent into a closed connection resets it, sometimes before the close frame is read.
        varies=len(frames) > 1,
    )


async def _pings(stage: Stage, key: str) -> Outcome:
    """Send pings, and do not read the pongs."""
    before = megabytes(stage.keyed)
    async with dial(stage.keyed.url) as wire:
        await wire.send(request("GET", "/api/ws", key, *UPGRADE))
        await wire.reader.readuntil(b"\r\n\r\n")
        flood, sent = _frame(9, b"x" * 125) * 1024, 0
        wire.reader._transport.pause_reading()  # type: ignore[attr-defined]
        with suppress(OSError, TimeoutError):
            async with asyncio.timeout(8):
                while sent < 64 * MEBIBYTE:
                    wire.writer.write(flood)
                    await wire.writer.drain()
                    sent += len(flood)
    grown = megabytes(stage.keyed) - before
    return Outcome(
        "Pings without end, no pong read",
        "on a WebSocket",
        "disconnected" if sent < 64 * MEBIBYTE else "accepted",
        "64 KiB of unread pongs",
        unless(it_was_cut=sent < 64 * MEBIBYTE, memory_is_bounded=grown < 64),
    )


async def _generations_on_a_socket(stage: Stage) -> Outcome:
    async with stage.client(stage.keyed.url, "bob") as http, http.ws_connect("/api/ws") as socket:
        for number in range(101):
            messages = [{"role": "user", "content": "one of many"}]
            options = {"on_disconnect": "cancel"}
            await socket.send_json(
                {"type": "start", "id": number, "model": "slow", "messages": messages, "options": options}
            )
        replies: dict[int, str] = {}
        while len(replies) < 101:
            message = await socket.receive_json()
            if message["type"] in {"ack", "rejected"}:
                replies[message["id"]] = message["type"] if message["type"] == "ack" else f"“{message['message']}”"
    taken = list(replies.values()).count("ack")
    return Outcome(
        "101 generations on one socket",
        "101 times `start`",
        f"{taken} x ack; the last one: {replies[100]}",
        "`max_generations_per_socket`",
        unless(a_hundred_at_most=taken <= 100),
    )


async def _new_limits(stage: Stage) -> list[Outcome]:
    return [
        await _streams(stage, "max_streams_per_client", "bob"),
        await _streams(stage, "max_streams_per_address", ""),
        await _connections(stage),
        await _commands(stage),
    ]


def _missing(name: str) -> Outcome | None:
    if name in Settings.model_fields:
        return None
    return Outcome(f"More than `{name}`", "", "", f"`{name}`", ("there is no such limit",))


async def _streams(stage: Stage, name: str, who: str) -> Outcome:
    if (missing := _missing(name)) is not None:
        return missing
    protected = {"keys_file": stage.folder / "keys.toml"} if who else {}
    with gateway("--upstream", stage.provider.url, **protected, **{name: 3}) as server:
        async with stage.client(server.url, who) as http:
            body = {"model": "slow", "messages": [{"role": "user", "content": "streams"}]}
            answers = [await http.post("/api/chat/stream", json=body) for _ in range(6)]
            statuses = [answer.status for answer in answers]
            for answer in answers:
                answer.close()
    return Outcome(
        f"More than `{name}`",
        "3 are allowed, 6 are opened by POST",
        ", ".join(f"{statuses.count(status)} x {status}" for status in sorted(set(statuses))),
        f"`{name}`",
        unless(three_at_most=statuses.count(200) == 3),
    )


async def _connections(stage: Stage) -> Outcome:
    name = "max_connections_per_address"
    if (missing := _missing(name)) is not None:
        return missing
    with gateway("--upstream", stage.provider.url, **{name: 20}) as server:
        async with AsyncExitStack() as stack:
            wires = [await stack.enter_async_context(dial(server.url)) for _ in range(40)]
            for wire in wires:
                await wire.send(request("GET", "/health"))
            received = [await wire.receive(2, 0.1) for wire in wires]
        async with stage.client(server.url) as http, http.get("/health") as response:
            after = response.status
    served = sum(b" 200 " in reply.raw[:20] for reply in received)
    return Outcome(
        f"More than `{name}`",
        "20 are allowed, 40 are opened from one address",
        f"{served} were served; afterwards a new one: {after}",
        f"`{name}`",
        unless(twenty_at_most=0 < served <= 20, room_afterwards=after == 200),
    )


async def _commands(stage: Stage) -> Outcome:
    name = "max_commands_per_second"
    if (missing := _missing(name)) is not None:
        return missing
    with gateway("--upstream", stage.provider.url, **{name: 10}) as server:
        async with stage.client(server.url) as http, http.ws_connect("/api/ws") as socket:
            for number in range(500):
                await socket.send_json({"type": "ping", "id": number})
            pongs, last = 0, ""
            with suppress(TimeoutError):
                async with asyncio.timeout(3):
                    while (message := await socket.receive()).type is aiohttp.WSMsgType.TEXT:
                        pongs += '"pong"' in message.data
                    last = f", then close code {socket.close_code}"
    return Outcome(
        f"More than `{name}`",
        "10 are allowed, 500 are sent at once",
        f"less than 100 pongs{last}" if pongs < 100 else f"{pongs} pongs{last}",
        f"`{name}`",
        unless(few_were_answered=pongs < 100),
    )


def _frame(opcode: int, payload: bytes, *, last: bool = True) -> bytes:
    """Build a client's frame."""
    size = len(payload)
    first = bytes([opcode | (0x80 if last else 0)])
    if size < 126:
        return first + bytes([0x80 | size]) + MASK + payload
    if size < 1 << 16:
        return first + b"\xfe" + size.to_bytes(2) + MASK + payload
    return first + b"\xff" + size.to_bytes(8) + MASK + payload
