"""How many batches a second one Redis stores until its core is full, and how three nodes of a cluster share them.

The batches are those of the gateways: encoded and stored by their own code, in several processes. What a core of Redis
can store is its CPU time for each batch; that is checked by filling one with commands that are encoded beforehand.
"""

import asyncio
import multiprocessing
import secrets
import subprocess
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import uvloop

from gateway.generation.event_log import Entry, merge
from gateway.protocol.events import Accepted, Chunk, Event, encode
from gateway.store.entries import encode_entries
from gateway.store.logs import Append, Head
from gateway.store.redis.scripts import load_script
from gateway.store.redis.store import RedisStore
from tests.bench.measurement import cpu_time
from tests.bench.processes import Server
from tests.bench.replicas.bed import NANOSECONDS

GENERATIONS: Final = 1000
SECONDS: Final = 5.0
ROUNDS: Final = 200
TOKEN: Final = "word "
"""Five characters, as tokens have on average."""


def entry(number: int, event: Event) -> Entry:
    """Return an entry of a log."""
    return Entry(number, number, type(event), encode(event))


def batch(first: int, tokens: int) -> Sequence[Entry]:
    """Return a batch of a log."""
    return [*merge([entry(first + number, Chunk(TOKEN)) for number in range(tokens)], with_ends=True)]


def measure(url: str, pids: Sequence[int], tokens: int, processes: int) -> str:
    """Store batches as fast as the processes can; return the rate, and the CPU of each server."""
    before = [cpu_time([pid]) for pid in pids]
    with multiprocessing.get_context("spawn").Pool(processes) as pool:
        counts = pool.starmap(_append, [(url, tokens)] * processes)
    used = [(cpu_time([pid]) - at) / NANOSECONDS for pid, at in zip(pids, before, strict=True)]
    total, rate = sum(count for count, _ in counts), sum(count / seconds for count, seconds in counts)
    each = 1e6 * sum(used) / total
    shares = ", ".join(f"{share:.2f}" for share in used)
    return (
        f"{len(pids)} node(s), batches of {tokens} tokens from {processes} process(es): {rate:,.0f} a second, "
        f"{each:.1f} µs of Redis CPU each, so {1e6 / each:,.0f} a second for each core (CPU seconds: {shares})"
    )


def _append(url: str, tokens: int) -> tuple[int, float]:
    return uvloop.run(_append_for(url, tokens))


async def _append_for(url: str, tokens: int) -> tuple[int, float]:
    store = RedisStore(url)
    await store.start()
    try:
        heads = [await _create(store) for _ in range(GENERATIONS)]
        appends = [Append(head.generation_id, head.owner, 0, batch(2, tokens), 600) for head in heads]
        stored, began = 0, time.monotonic()
        while time.monotonic() - began < SECONDS:
            for at in range(0, len(appends), 200):
                chosen = appends[at : at + 200]
                await store.logs.append(chosen)
                stored += len(chosen)
            appends = [_following(append, tokens) for append in appends]
        return stored, time.monotonic() - began
    finally:
        await store.close()


def _following(append: Append, tokens: int) -> Append:
    last = append.entries[-1]
    return append._replace(entries=[last._replace(first=last.last + 1, last=last.last + tokens)])


async def _create(store: RedisStore) -> Head:
    head = Head(f"g_{secrets.token_urlsafe(16)}", f"r_{secrets.token_hex(4)}", 0, 0, ended=False, version=0)
    head = replace(head, details=b"d" * 900, facts=b"f" * 120)
    accepted = Accepted(head.generation_id, "request", "model")
    await store.logs.create(head, [entry(1, accepted)], 600)
    return head


# One Redis, filled with commands that are encoded before.


def fill(server: Server, tokens: int, senders: int = 2) -> str:
    """Send appends as fast as one Redis takes them, with `redis-cli --pipe`; return the rate."""
    with TemporaryDirectory() as folder:
        files = [Path(folder) / str(number) for number in range(senders)]
        total = sum(_write_commands(file, server.port, tokens) for file in files)
        before, began = cpu_time([server.pid]), time.monotonic()
        command = ["redis-cli", "-p", str(server.port), "--pipe"]
        with ExitStack() as stack:
            running = [
                subprocess.Popen(command, stdin=stack.enter_context(file.open("rb")), stdout=subprocess.PIPE, text=True)
                for file in files
            ]
            outputs = [process.communicate()[0] for process in running]
        seconds, used = time.monotonic() - began, (cpu_time([server.pid]) - before) / NANOSECONDS
    assert all("errors: 0" in output for output in outputs), outputs
    return (
        f"one Redis, filled by {senders} x redis-cli --pipe: {total / seconds:,.0f} batches of {tokens} tokens "
        f"a second with {used / seconds:.2f} cores of Redis, {1e6 * used / total:.1f} µs each"
    )


def _write_commands(file: Path, port: int, tokens: int) -> int:
    created, sha = asyncio.run(_created(port)), load_script("append").sha
    with file.open("wb") as written:
        for first in range(2, 2 + ROUNDS * tokens, tokens):
            encoded, last = encode_entries(batch(first, tokens)), first + tokens - 1
            for head, keys in created:
                words = ["EVALSHA", sha, str(len(keys)), *keys, head.owner, "0", str(last), "0", "600000"]
                written.write(_pack([*(word.encode() for word in words), encoded]))
    return ROUNDS * len(created)


async def _created(port: int) -> Sequence[tuple[Head, Sequence[str]]]:
    store = RedisStore(f"redis://127.0.0.1:{port}")
    await store.start()
    try:
        heads = [await _create(store) for _ in range(GENERATIONS)]
        # So that the script is loaded.
        await store.logs.append([Append(heads[0].generation_id, heads[0].owner, 0, [], 600)])
        keys = store.keys
        return [(head, (*keys.generation(head.generation_id), keys.prompt(head.generation_id))) for head in heads]
    finally:
        await store.close()


def _pack(arguments: Sequence[bytes]) -> bytes:
    """Encode a command (https://redis.io/docs/latest/develop/reference/protocol-spec/)."""
    return b"*%d\r\n" % len(arguments) + b"".join(b"$%d\r\n%b\r\n" % (len(part), part) for part in arguments)
