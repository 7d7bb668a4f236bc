"""Headers and paths that try to pass for another client, or to bypass authentication."""

import asyncio
from collections.abc import Awaitable, Sequence
from typing import Final

import orjson

from tests.integration.attacks.outcome import Outcome, unless
from tests.integration.attacks.stage import Stage
from tests.integration.attacks.wire import CLOSE, Received, dial, exchange, request
from tests.integration.processes import gateway
from tests.integration.test_nginx import running_nginx

CLAIMS: Final = (
    ("X-Forwarded-For: 10.9.8.7",),
    ("X-Forwarded-For: 10.9.8.6, 127.0.0.1",),
    ("X-Forwarded-For: 10.9.8.5", "X-Forwarded-For: 127.0.0.1"),
    ("X-Forwarded-For: 10.9.8.4", "Connection: X-Forwarded-For"),
    ("Connection: close, X-Forwarded-For",),
    ("X_Forwarded_For: 10.9.8.3",),
    ("Forwarded: for=10.9.8.2", "X-Real-IP: 10.9.8.2", "X-Client-IP: 10.9.8.2"),
)
"""Claims of another client address, or of none."""

PATHS: Final = (
    "/static/../api/stats",
    "/static/%2e%2e/api/stats",
    "/static/..%2fapi/stats",
    "/static/..%2f..%2fpyproject.toml",
    "//api/stats",
    "/%61pi/stats",
    "/api/stats/",
    "/api/stats;.css",
    "/api/stats%00.css",
    "/api/stats%2f",
    "/health/../api/stats",
    "/API/stats",
    "http://localhost/api/stats",
    "/api/stats?/static/",
)
"""Ways to write a route that requires a key as one that does not."""

BODY: Final = orjson.dumps({"model": "plain", "messages": [{"role": "user", "content": "Hello"}]})


async def run(stage: Stage) -> list[Outcome]:
    """Run them all."""
    return [
        await _another_address(stage),
        await _forwarded(stage),
        await _two_keys(stage),
        await _paths(stage),
    ]


def _start(*headers: str) -> bytes:
    return request("POST", "/api/generations", "Content-Type: application/json", *headers, body=BODY)


async def _another_address(stage: Stage) -> Outcome:
    """Each address may start one generation per minute, and this one has done so."""
    limits = {"rate_limit_per_minute": 1, "rate_limit_burst": 1}
    counts = []
    with (
        gateway("--upstream", stage.provider.url, **limits) as alone,
        gateway("--upstream", stage.provider.url, trusted_proxies="127.0.0.1", **limits) as behind,
        running_nginx(behind.url, folder=stage.folder / "identity") as nginx,
    ):
        for url in (alone.url, nginx.url):
            first = await exchange(url, _start(CLOSE), first=10)
            received = [first, *await asyncio.gather(*(exchange(url, _start(*claim), first=10) for claim in CLAIMS))]
            counts.append([_status(reply) for reply in received])
    return Outcome(
        "Another address",
        f"a rate limit of one start per minute, and {len(CLAIMS)} more starts with `X-Forwarded-For` once, twice, in a "
        "list, named in `Connection`, with underscores, `Forwarded`, `X-Real-IP`",
        "; ".join(f"{way}: {_counted(seen)}" for way, seen in zip(("directly", "nginx"), counts, strict=True)),
        "nginx sends the address that it sees, and the gateway trusts only nginx",
        unless(one_start_each=all(seen == [201] + [429] * len(CLAIMS) for seen in counts)),
    )


async def _forwarded(stage: Stage) -> Outcome:
    """Record what nginx forwards, in place of the gateway."""
    got: list[bytes] = []

    async def record(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        got.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n")
        writer.close()

    async with await asyncio.start_server(record, "127.0.0.1", 0) as server:
        recorder = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        with running_nginx(recorder, folder=stage.folder / "passed") as nginx:
            for claim in CLAIMS:
                lies = (
                    "X-Forwarded-Proto: https",
                    "X_Forwarded_Proto: https",
                    "X-Forwarded-Host: evil.test",
                    "TE: trailers",
                )
                async with dial(nginx.url, "127.0.0.2") as wire:
                    await wire.send(request("GET", "/api/models", *claim, *lies))
                    await wire.receive(10, 0.1)
    seen = {line for head in got for line in head.decode().split("\r\n") if _is_forwarded(line)}
    true = {"X-Forwarded-For: 127.0.0.2", "X-Forwarded-Proto: http", "X-Forwarded-Host: localhost"}
    return Outcome(
        "Forged headers that are forwarded",
        "the same with `X-Forwarded-Proto: https` and `X-Forwarded-Host`; what nginx sends to the gateway",
        ", ".join(f"`{line}`" for line in sorted(seen)),
        "`proxy_set_header`, for each of them",
        unless(nothing_but_the_truth=seen == true, all_came=len(got) == len(CLAIMS)),
    )


def _is_forwarded(line: str) -> bool:
    return line.lower().replace("_", "-").startswith(("x-forwarded", "connection", "te:"))


async def _two_keys(stage: Stage) -> Outcome:
    """Send two keys: a server that reads the other one of them would be deceived."""
    bob, watcher, none = (f"Authorization: Bearer {key}" for key in (*_texts(stage, "bob", "watcher"), "ds_none"))
    statuses_by_way = {}
    for way, url in (("directly", stage.keyed.url), ("nginx", stage.nginx.url)):
        pairs = ((bob, watcher), (none, watcher), (watcher, none))
        statuses_by_way[way] = [
            _status(await exchange(url, request("GET", "/api/stats", CLOSE, *pair), first=10)) for pair in pairs
        ]
    return Outcome(
        "Two keys",
        "`Authorization` twice: a key without the role and one with it; an invalid key and one with it; the reverse",
        "; ".join(f"{way}: {', '.join(map(str, statuses))}" for way, statuses in statuses_by_way.items()),
        "only the first one counts; nginx refuses two",
        unless(
            the_second_adds_nothing=all(
                statuses[:2] in ([403, 401], [400, 400]) for statuses in statuses_by_way.values()
            )
        ),
    )


def _texts(stage: Stage, *names: str) -> list[str]:
    return [stage.keys[name].text() for name in names]


async def _paths(stage: Stage) -> Outcome:
    urls = (stage.keyed.url, stage.nginx.url)
    waiting: list[Awaitable[Received]] = [
        exchange(url, request("GET", path), first=10) for url in urls for path in PATHS
    ]
    received = await asyncio.gather(*waiting)
    return Outcome(
        "Past authentication by the path",
        f"`/api/stats` without a key, written in {len(PATHS)} ways, such as `/static/..%2fapi/stats`; directly and "
        "through nginx",
        _counted([_status(reply) for reply in received]),
        "authentication checks the same path that is routed",
        unless(no_figures=not any(b'"started"' in reply.raw or b"[project]" in reply.raw for reply in received)),
    )


def _status(received: Received) -> int:
    return received.answers()[0].status if received.raw else 0


def _counted(statuses: Sequence[int]) -> str:
    return ", ".join(f"{statuses.count(status)} x {status}" for status in sorted(set(statuses)))
