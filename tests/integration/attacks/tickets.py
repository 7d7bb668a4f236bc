"""Tickets that are stolen, replayed, used concurrently or in the wrong place."""

import asyncio
import os
import signal
from collections import Counter
from typing import Final

import aiohttp
import orjson

from tests.integration.attacks.cross_site import running_answer
from tests.integration.attacks.outcome import Family, Outcome, unless
from tests.integration.attacks.stage import ALLOWED_HOST, PATIENCE, Stage, write_key_file
from tests.integration.attacks.wire import CLOSE, Answer, Received, exchange, request

AT_ONCE: Final = 50
EVENTS: Final = "Accept: text/event-stream"


async def run(stage: Stage) -> list[Outcome]:
    """Run them all."""
    return [
        await _used(stage),
        await _race(stage),
        await _socket_twice(stage),
        await _another_page(stage),
        await _another_generation(stage),
        await _guessed(stage),
        await _wrong_place(stage),
        await _revoked(stage),
        await _logs(stage),
    ]


async def ticket(stage: Stage, name: str = "alice", origin: str = "", **wanted: object) -> str:
    """Request a ticket, as a page of an allowed origin if one is given."""
    headers = {"Origin": origin} if origin else {}
    body = wanted or {"scope": "start"}
    async with (
        stage.client(stage.keyed.url, name) as http,
        http.post("/api/tickets", json=body, headers=headers) as response,
    ):
        assert response.status == 201, await response.text()
        return str((await response.json())["ticket"])


async def _start(stage: Stage, shown_ticket: str, prompt: str, *headers: str) -> Received:
    path = f"/api/chat/stream?prompt={prompt}&model=plain&ticket={shown_ticket}"
    return await exchange(stage.keyed.url, request("GET", path, EVENTS, CLOSE, *headers), first=PATIENCE)


def _describe(received: Received) -> str:
    """Describe an event stream: the types of its events, and the code of a refusal."""
    answer = received.answers()[0] if received.raw else Answer(0, (), b"")
    data = [orjson.loads(line[6:]) for line in answer.body.split(b"\n") if line.startswith(b"data: ")]
    return f"{answer.status} {' '.join(event.get('code') or event['type'] for event in data)}".strip()


async def _used(stage: Stage) -> Outcome:
    shown_ticket = await ticket(stage)
    first = _describe(await _start(stage, shown_ticket, "ticket-used"))
    again = _describe(await _start(stage, shown_ticket, "ticket-again"))
    other = await exchange(
        stage.keyed.url, request("GET", f"/api/chat/stream?prompt=ticket-third&ticket={shown_ticket}", CLOSE), first=5
    )
    return Outcome(
        "Replayed",
        "a ticket that has started a generation, with another prompt: from an EventSource, and from another client",
        f"first: {first}; again: {again}; other client: {other.describe()}",
        "a used ticket reads what it started, and starts nothing",
        unless(
            it_was_good_once=stage.provider.count_prompts("ticket-used") == 1,
            nothing_else_was_started=stage.provider.count_prompts("ticket-again")
            + stage.provider.count_prompts("ticket-third")
            == 0,
        ),
    )


async def _race(stage: Stage) -> Outcome:
    shown_ticket, before = await ticket(stage), await stage.started(stage.keyed)
    results = Counter(
        map(_describe, await asyncio.gather(*(_start(stage, shown_ticket, f"race-{n}") for n in range(AT_ONCE))))
    )
    count = await stage.started(stage.keyed) - before
    return Outcome(
        f"{AT_ONCE} at once",
        "one ticket, each time with another prompt",
        f"started: {count}; " + ", ".join(f"{number} x {result}" for result, number in results.most_common()),
        "it is marked as used before the first `await`",
        unless(exactly_one_start=count == 1, one_prompt_was_asked=stage.provider.count_prompts("race-") == 1),
        varies=True,
    )


async def _socket_twice(stage: Stage) -> Outcome:
    shown_ticket = await ticket(stage, scope="socket")
    codes = await asyncio.gather(*(_socket(stage, f"dualstream.ticket.{shown_ticket}") for _ in range(AT_ONCE)))
    counted = Counter(codes)
    start = await ticket(stage)
    wrong = await _socket(stage, f"dualstream.ticket.{start}")
    return Outcome(
        f"{AT_ONCE} sockets at once",
        "one ticket for a socket; then one for a start, as a subprotocol",
        ", ".join(f"{number} x {result}" for result, number in sorted(counted.items())) + f"; one for a start: {wrong}",
        "a ticket is valid once, and only for its purpose",
        unless(exactly_one=counted["pong"] == 1, not_by_one_for_a_start=wrong == "close code 4401"),
    )


async def _socket(stage: Stage, *protocols: str) -> str:
    async with (
        stage.client(stage.keyed.url) as http,
        http.ws_connect("/api/ws", protocols=["dualstream.v1", *protocols]) as socket,
    ):
        await socket.send_json({"type": "ping"})
        message = await socket.receive()
        if message.type is not aiohttp.WSMsgType.TEXT:
            return f"close code {socket.close_code}"
        return str(orjson.loads(message.data)["type"])


async def _another_page(stage: Stage) -> Outcome:
    friend = f"http://{ALLOWED_HOST}:{stage.site_port}"
    theirs, ours = await ticket(stage, origin=friend), await ticket(stage)
    for_socket = await ticket(stage, origin=friend, scope="socket")
    results = {
        "an allowed page's ticket without an `Origin`": _describe(await _start(stage, theirs, "stolen-1")),
        "our own page's ticket from an allowed page": _describe(
            await _start(stage, ours, "stolen-2", f"Origin: {friend}")
        ),
        "from a foreign page": _describe(await _start(stage, theirs, "stolen-3", "Origin: http://attacker.test")),
        "on a socket, an allowed page's ticket without an `Origin`": await _socket(
            stage, f"dualstream.ticket.{for_socket}"
        ),
    }
    rightful = _describe(await _start(stage, theirs, "rightful", f"Origin: {friend}"))
    return Outcome(
        "Stolen, for another page",
        "before it was used",
        "; ".join(f"{how}: {result}" for how, result in results.items())
        + f"; afterwards from its own page: {rightful}",
        "a ticket is bound to the origin that requested it; a refusal does not use it up",
        unless(
            nothing_was_started=stage.provider.count_prompts("stolen-") == 0,
            the_rightful_one_was=stage.provider.count_prompts("rightful") == 1,
        ),
    )


async def _another_generation(stage: Stage) -> Outcome:
    async with running_answer(stage, stage.keyed) as one, running_answer(stage, stage.keyed) as other:
        shown_ticket = await ticket(stage, generation_id=one.id, commands=True)
        received = [
            await exchange(
                stage.keyed.url,
                request("GET", f"/api/generations/{other.id}/events?ticket={shown_ticket}", CLOSE),
                first=5,
            ),
            await exchange(
                stage.keyed.url, request("GET", f"/api/generations/{one.id}?ticket={shown_ticket}", CLOSE), first=5
            ),
            await exchange(
                stage.keyed.url,
                request("POST", f"/api/generations/{one.id}/interrupt?ticket={shown_ticket}", CLOSE),
                first=5,
            ),
            await _start(stage, shown_ticket, "by-a-reader"),
        ]
        states = await one.state(), await other.state()
    statuses = [answer.status for each in received[:3] for answer in each.answers()]
    return Outcome(
        "For one generation, used for more",
        "events of another generation; its own snapshot; an interrupt by POST; a start",
        "; ".join(each.describe() for each in received[:3])
        + f"; {_describe(received[3])}; both generations: {', '.join(states)}",
        "only two routes accept a ticket, and it permits only what it names",
        unless(refused=statuses == [401] * 3, both_run_on=states == ("streaming", "streaming")),
    )


async def _guessed(stage: Stage) -> Outcome:
    shapes = ("A" * 32, "", "null", "..", "%00", "x" * 20_000, "ds_alice", "*", "🎫".encode().hex())
    results = {_describe(await _start(stage, shape, "guessed")) for shape in shapes}
    return Outcome(
        "Guessed",
        f"{len(shapes)} texts that are not tickets, one of them empty, one of 20 KB",
        "; ".join(sorted(results)),
        "192 random bits, looked up by their hash",
        unless(
            all_refused=results == {"200 auth_error"}, nothing_was_started=stage.provider.count_prompts("guessed") == 0
        ),
    )


async def _wrong_place(stage: Stage) -> Outcome:
    shown_ticket = await ticket(stage)
    url, body = (
        stage.keyed.url,
        orjson.dumps({"messages": [{"role": "user", "content": "misplaced"}], "model": "plain"}),
    )
    json = "Content-Type: application/json"
    sent = {
        "`POST` with it in the URL": request("POST", f"/api/chat/stream?ticket={shown_ticket}", json, CLOSE, body=body),
        "in the body": request(
            "POST", "/api/chat/stream", json, CLOSE, body=body[:-1] + b',"ticket":"%b"}' % shown_ticket.encode()
        ),
        "as `Authorization`": request(
            "POST", "/api/chat/stream", json, CLOSE, f"Authorization: Bearer {shown_ticket}", body=body
        ),
        "as a cookie": request("POST", "/api/chat/stream", json, CLOSE, f"Cookie: ticket={shown_ticket}", body=body),
        "for `/api/stats`": request("GET", f"/api/stats?ticket={shown_ticket}", CLOSE),
        "for `/api/tickets`": request(
            "POST", f"/api/tickets?ticket={shown_ticket}", json, CLOSE, body=b'{"scope":"start"}'
        ),
        "in a socket's URL": request("GET", f"/api/ws?ticket={shown_ticket}", CLOSE),
    }
    results = {where: (await exchange(url, data, first=5)).answers()[0].status for where, data in sent.items()}
    return Outcome(
        "In the wrong place",
        ", ".join(results),
        ", ".join(map(str, results.values())),
        "accepted in the URL of two routes and as a subprotocol; ignored elsewhere",
        unless(
            all_refused=all(status in {401, 426} for status in results.values()),
            nothing_was_started=stage.provider.count_prompts("misplaced") == 0,
        ),
    )


async def _revoked(stage: Stage) -> Outcome:
    file = stage.folder / "keys.toml"
    unused, used = await ticket(stage, "bob"), await ticket(stage, "bob")
    first = await _start(stage, used, "before-revoking")
    async with stage.client(stage.keyed.url, "bob") as http, http.ws_connect("/api/ws") as socket:
        write_key_file(file, {name: key for name, key in stage.keys.items() if name != "bob"})
        await _reload(stage, 401)
        results = {
            "unused": _describe(await _start(stage, unused, "revoked-1")),
            "used": _describe(await _start(stage, used, "revoked-2")),
        }
        await socket.send_json(
            {"type": "start", "model": "plain", "messages": [{"role": "user", "content": "revoked-3"}]}
        )
        results["a command on an open socket"] = str((await socket.receive_json())["code"])
    write_key_file(file, stage.keys)
    await _reload(stage, 403)
    return Outcome(
        "Of a revoked key",
        "two tickets of bob's, one of them used; his key is removed from the file; SIGHUP",
        f"before: {_describe(first)}; " + "; ".join(f"{how}: {result}" for how, result in results.items()),
        "a ticket ends with the key that requested it",
        unless(nothing_was_started=stage.provider.count_prompts("revoked-") == 0),
    )


async def _reload(stage: Stage, wanted: int) -> None:
    """Reload the keys, and wait until bob gets that status."""
    os.kill(stage.keyed.pid, signal.SIGHUP)
    async with asyncio.timeout(PATIENCE), stage.client(stage.keyed.url, "bob") as http:
        while True:
            async with http.get("/api/stats") as response:
                if response.status == wanted:
                    return
            await asyncio.sleep(0.02)


async def _logs(stage: Stage) -> Outcome:
    """Use tickets in URLs through nginx, then search every log."""
    async with stage.client(stage.nginx.url, "alice") as http:
        tickets = []
        for _ in range(3):
            async with http.post("/api/tickets", json={"scope": "start"}) as response:
                tickets.append((await response.json())["ticket"])
    path = f"/api/chat/stream?prompt=logged&model=plain&ticket={tickets[0]}"
    good = await exchange(stage.nginx.url, request("GET", path, EVENTS, CLOSE), first=PATIENCE)
    await exchange(stage.nginx.url, request("GET", f"/api/nowhere?ticket={tickets[1]}", CLOSE), first=5)
    await exchange(stage.nginx.url, request("GET", f"/api/chat/stream?ticket={tickets[2]}", EVENTS, CLOSE), first=5)
    logs = {
        "nginx's log": stage.nginx.log.read_text(),
        "nginx's error log": stage.nginx.output,
        "the gateway's output": stage.behind.output,
    }
    found = [name for name, text in logs.items() if any(ticket in text for ticket in tickets)]
    lines = logs["nginx's log"].count("/api/chat/stream ")
    return Outcome(
        "In logs",
        f"three tickets in URLs through nginx, one of them valid; searched in {', '.join(logs)}",
        f"{_describe(good)}; found in: {', '.join(found) or 'none'}",
        "nginx logs the path without the query; the gateway logs no requests",
        unless(in_no_log=not found, nginx_has_logged=lines >= 2),
    )


FAMILY: Final = Family(
    "Tickets",
    """\
An attacker has a ticket of alice's ([security.md](../security.md)), and sends it directly to the gateway with keys.""",
    run,
)
