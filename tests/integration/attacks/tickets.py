"""Tickets in the wrong hands, twice, too many at once, in the wrong place."""

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
from tests.integration.attacks.wire import CLOSE, Answer, Heard, exchange, request

AT_ONCE: Final = 50
EVENTS: Final = "Accept: text/event-stream"


async def run(stage: Stage) -> list[Outcome]:
    """Try it all."""
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
    """Ask for a ticket, as a page of an allowed origin if one is given."""
    headers = {"Origin": origin} if origin else {}
    body = wanted or {"scope": "start"}
    async with (
        stage.client(stage.keyed.url, name) as http,
        http.post("/api/tickets", json=body, headers=headers) as response,
    ):
        assert response.status == 201, await response.text()
        return str((await response.json())["ticket"])


async def _start(stage: Stage, shown: str, prompt: str, *headers: str) -> Heard:
    path = f"/api/chat/stream?prompt={prompt}&model=plain&ticket={shown}"
    return await exchange(stage.keyed.url, request("GET", path, EVENTS, CLOSE, *headers), first=PATIENCE)


def _said(heard: Heard) -> str:
    """Write down an event stream: the types of its events, and the code of a refusal."""
    answer = heard.answers()[0] if heard.raw else Answer(0, (), b"")
    data = [orjson.loads(line[6:]) for line in answer.body.split(b"\n") if line.startswith(b"data: ")]
    return f"{answer.status} {' '.join(event.get('code') or event['type'] for event in data)}".strip()


async def _used(stage: Stage) -> Outcome:
    shown = await ticket(stage)
    first = _said(await _start(stage, shown, "ticket-used"))
    again = _said(await _start(stage, shown, "ticket-again"))
    other = await exchange(
        stage.keyed.url, request("GET", f"/api/chat/stream?prompt=ticket-third&ticket={shown}", CLOSE), first=5
    )
    return Outcome(
        "Replayed",
        "a ticket that has started something, for another prompt: as an EventSource, and as what is none",
        f"at first: {first}; again: {again}; as none: {other.says()}",
        "what is used reads what it has started, and starts nothing",
        unless(
            it_was_good_once=stage.provider.heard("ticket-used") == 1,
            nothing_else_was_started=stage.provider.heard("ticket-again") + stage.provider.heard("ticket-third") == 0,
        ),
    )


async def _race(stage: Stage) -> Outcome:
    shown, before = await ticket(stage), await stage.started(stage.keyed)
    said = Counter(map(_said, await asyncio.gather(*(_start(stage, shown, f"race-{n}") for n in range(AT_ONCE)))))
    count = await stage.started(stage.keyed) - before
    return Outcome(
        f"{AT_ONCE} at once",
        "one ticket, each time with another prompt",
        f"started: {count}; " + ", ".join(f"{number} x {one}" for one, number in said.most_common()),
        "it is taken before anything is waited for",
        unless(exactly_one_start=count == 1, one_prompt_was_asked=stage.provider.heard("race-") == 1),
        varies=True,
    )


async def _socket_twice(stage: Stage) -> Outcome:
    shown = await ticket(stage, scope="socket")
    codes = await asyncio.gather(*(_socket(stage, f"dualstream.ticket.{shown}") for _ in range(AT_ONCE)))
    counted = Counter(codes)
    start = await ticket(stage)
    wrong = await _socket(stage, f"dualstream.ticket.{start}")
    return Outcome(
        f"{AT_ONCE} sockets at once",
        "one ticket for a socket; then one for a start, as a subprotocol",
        ", ".join(f"{number} x {one}" for one, number in sorted(counted.items())) + f"; one for a start: {wrong}",
        "once means once, and for what it was asked for",
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
    said = {
        "an allowed page's by none": _said(await _start(stage, theirs, "stolen-1")),
        "ours by an allowed page": _said(await _start(stage, ours, "stolen-2", f"Origin: {friend}")),
        "by a foreign page": _said(await _start(stage, theirs, "stolen-3", "Origin: http://attacker.test")),
        "on a socket, of an allowed page's by none": await _socket(stage, f"dualstream.ticket.{for_socket}"),
    }
    rightful = _said(await _start(stage, theirs, "rightful", f"Origin: {friend}"))
    return Outcome(
        "Stolen, for another page",
        "before it was used",
        "; ".join(f"{how}: {one}" for how, one in said.items()) + f"; afterwards by its own page: {rightful}",
        "a ticket is bound to the origin that asked for it; failing uses up nothing",
        unless(
            nothing_was_started=stage.provider.heard("stolen-") == 0,
            the_rightful_one_was=stage.provider.heard("rightful") == 1,
        ),
    )


async def _another_generation(stage: Stage) -> Outcome:
    async with running_answer(stage, stage.keyed) as one, running_answer(stage, stage.keyed) as other:
        shown = await ticket(stage, generation_id=one.id, commands=True)
        heard = [
            await exchange(
                stage.keyed.url, request("GET", f"/api/generations/{other.id}/events?ticket={shown}", CLOSE), first=5
            ),
            await exchange(
                stage.keyed.url, request("GET", f"/api/generations/{one.id}?ticket={shown}", CLOSE), first=5
            ),
            await exchange(
                stage.keyed.url, request("POST", f"/api/generations/{one.id}/interrupt?ticket={shown}", CLOSE), first=5
            ),
            await _start(stage, shown, "by-a-reader"),
        ]
        states = await one.state(), await other.state()
    statuses = [answer.status for each in heard[:3] for answer in each.answers()]
    return Outcome(
        "For one generation, shown for more",
        "the events of another one; its own snapshot; an interrupt by POST; a start",
        "; ".join(each.says() for each in heard[:3]) + f"; {_said(heard[3])}; both: {', '.join(states)}",
        "two routes take a ticket, and it opens the one thing that it names",
        unless(refused=statuses == [401] * 3, both_run_on=states == ("streaming", "streaming")),
    )


async def _guessed(stage: Stage) -> Outcome:
    shapes = ("A" * 32, "", "null", "..", "%00", "x" * 20_000, "ds_alice", "*", "🎫".encode().hex())
    said = {_said(await _start(stage, shape, "guessed")) for shape in shapes}
    return Outcome(
        "Guessed",
        f"{len(shapes)} texts that are none, one of them empty, one of 20 KB",
        "; ".join(sorted(said)),
        "192 random bits, looked up by their hash",
        unless(all_refused=said == {"200 auth_error"}, nothing_was_started=stage.provider.heard("guessed") == 0),
    )


async def _wrong_place(stage: Stage) -> Outcome:
    shown = await ticket(stage)
    url, body = (
        stage.keyed.url,
        orjson.dumps({"messages": [{"role": "user", "content": "misplaced"}], "model": "plain"}),
    )
    json = "Content-Type: application/json"
    sent = {
        "`POST` with it in the URL": request("POST", f"/api/chat/stream?ticket={shown}", json, CLOSE, body=body),
        "in the body": request(
            "POST", "/api/chat/stream", json, CLOSE, body=body[:-1] + b',"ticket":"%b"}' % shown.encode()
        ),
        "as `Authorization`": request(
            "POST", "/api/chat/stream", json, CLOSE, f"Authorization: Bearer {shown}", body=body
        ),
        "as a cookie": request("POST", "/api/chat/stream", json, CLOSE, f"Cookie: ticket={shown}", body=body),
        "for `/api/stats`": request("GET", f"/api/stats?ticket={shown}", CLOSE),
        "for `/api/tickets`": request("POST", f"/api/tickets?ticket={shown}", json, CLOSE, body=b'{"scope":"start"}'),
        "in a socket's URL": request("GET", f"/api/ws?ticket={shown}", CLOSE),
    }
    said = {where: (await exchange(url, data, first=5)).answers()[0].status for where, data in sent.items()}
    return Outcome(
        "In the wrong place",
        ", ".join(said),
        ", ".join(map(str, said.values())),
        "it is taken in the URL on two routes, and as a subprotocol; elsewhere it is not there",
        unless(
            all_refused=all(status in {401, 426} for status in said.values()),
            nothing_was_started=stage.provider.heard("misplaced") == 0,
        ),
    )


async def _revoked(stage: Stage) -> Outcome:
    file = stage.folder / "keys.toml"
    unused, used = await ticket(stage, "bob"), await ticket(stage, "bob")
    first = await _start(stage, used, "before-revoking")
    async with stage.client(stage.keyed.url, "bob") as http, http.ws_connect("/api/ws") as socket:
        write_key_file(file, {name: key for name, key in stage.keys.items() if name != "bob"})
        await _reload(stage, 401)
        said = {
            "unused": _said(await _start(stage, unused, "revoked-1")),
            "used": _said(await _start(stage, used, "revoked-2")),
        }
        await socket.send_json(
            {"type": "start", "model": "plain", "messages": [{"role": "user", "content": "revoked-3"}]}
        )
        said["a command on an open socket"] = str((await socket.receive_json())["code"])
    write_key_file(file, stage.keys)
    await _reload(stage, 403)
    return Outcome(
        "Of a revoked key",
        "two tickets of bob's, one of them used; his key is taken out of the file; SIGHUP",
        f"before: {_said(first)}; " + "; ".join(f"{how}: {one}" for how, one in said.items()),
        "a ticket ends with what it was asked for by",
        unless(nothing_was_started=stage.provider.heard("revoked-") == 0),
    )


async def _reload(stage: Stage, wanted: int) -> None:
    """Have the keys read again, and wait until bob gets that status."""
    os.kill(stage.keyed.pid, signal.SIGHUP)
    async with asyncio.timeout(PATIENCE), stage.client(stage.keyed.url, "bob") as http:
        while True:
            async with http.get("/api/stats") as response:
                if response.status == wanted:
                    return
            await asyncio.sleep(0.02)


async def _logs(stage: Stage) -> Outcome:
    """Go through nginx by a ticket; then look for it in every log."""
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
    found = [name for name, text in logs.items() if any(one in text for one in tickets)]
    lines = logs["nginx's log"].count("/api/chat/stream ")
    return Outcome(
        "In logs",
        f"three tickets in URLs through nginx, one of them good; looked for in {', '.join(logs)}",
        f"{_said(good)}; found in: {', '.join(found) or 'none'}",
        "nginx logs the path without the query; the gateway logs no requests",
        unless(in_no_log=not found, nginx_has_logged=lines >= 2),
    )


FAMILY: Final = Family(
    "Tickets",
    """\
A ticket of alice's came into other hands ([security.md](security.md)); with keys, directly.""",
    run,
)
