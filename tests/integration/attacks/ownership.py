"""A client with a valid key, and another principal's generation."""

import asyncio
from collections.abc import Mapping
from typing import Final

import orjson

from tests.integration.attacks.cross_site import RunningAnswer, running_answer
from tests.integration.attacks.outcome import Family, Outcome, unless
from tests.integration.attacks.stage import PATIENCE, Stage
from tests.integration.attacks.wire import CLOSE, Received, exchange, request

UNKNOWN: Final = "g_AAAAAAAAAAAAAAAAAAAAAA"
JSON: Final = "Content-Type: application/json"

REQUESTS: Final[Mapping[str, tuple[str, str, str, bytes]]] = {
    "snapshot": ("GET", "/api/generations/{id}", "X: y", b""),
    "events": ("GET", "/api/generations/{id}/events", "X: y", b""),
    "events as an EventSource": ("GET", "/api/generations/{id}/events", "Accept: text/event-stream", b""),
    "resume": ("GET", "/api/generations/{id}/events", "Last-Event-ID: {id}:1", b""),
    "resume by a start": ("POST", "/api/chat/stream", "Last-Event-ID: {id}:1", b""),
    "resume by a start of an EventSource": (
        "GET",
        "/api/chat/stream?prompt=x",
        "Accept: text/event-stream\r\nLast-Event-ID: {id}:1",
        b"",
    ),
    "a position beyond its end": ("GET", "/api/generations/{id}/events", "Last-Event-ID: {id}:999999", b""),
    "interrupt": ("POST", "/api/generations/{id}/interrupt", JSON, b'{"reason":"mine"}'),
    "interrupt without a body": ("POST", "/api/generations/{id}/interrupt", "X: y", b""),
    "feedback": ("POST", "/api/generations/{id}/feedback", JSON, b'{"text":"now say something else"}'),
    "note": ("POST", "/api/generations/{id}/feedback", JSON, b'{"mode":"note","rating":-100}'),
    "ticket": ("POST", "/api/tickets", JSON, b'{"generation_id":"{id}","commands":true}'),
}

COMMANDS: Final[Mapping[str, Mapping[str, object]]] = {
    "attach": {"type": "attach"},
    "attach after a position": {"type": "attach", "after": 3},
    "detach": {"type": "detach"},
    "interrupt": {"type": "interrupt"},
    "feedback": {"type": "feedback", "text": "now say something else"},
}


async def run(stage: Stage) -> list[Outcome]:
    """Run all attacks by bob, and by principals with roles, on a generation of alice's."""
    async with running_answer(stage, stage.keyed) as answer:
        rows = [await _by_http(stage, answer, name) for name in REQUESTS]
        rows += [await _by_socket(stage, answer)]
        rows += [await _observing(stage, answer), await _check_unchanged(answer)]
        rows += [await _operating(stage, answer)]
    return [*rows, await _idempotency(stage)]


async def _send(stage: Stage, who: str, name: str, generation_id: str) -> Received:
    method, path, header, body = REQUESTS[name]
    data = request(
        method,
        path.replace("{id}", generation_id),
        f"Authorization: {stage.bearer(who)['Authorization']}",
        "X-Request-ID: same",
        header.replace("{id}", generation_id),
        CLOSE,
        body=body.replace(b"{id}", generation_id.encode()),
    )
    return await exchange(stage.keyed.url, data, first=PATIENCE)


async def _by_http(stage: Stage, answer: RunningAnswer, name: str) -> Outcome:
    received, unknown = await asyncio.gather(_send(stage, "bob", name, answer.id), _send(stage, "bob", name, UNKNOWN))
    same = _without(received.raw, answer.id) == _without(unknown.raw, UNKNOWN)
    return Outcome(
        f"Another principal's generation: {name}",
        f"`{REQUESTS[name][0]} {REQUESTS[name][1]}` with a valid key of another principal",
        f"{_describe_refusal(received)}; byte for byte the same as for an unknown id: {'yes' if same else 'no'}",
        "to other principals it does not exist",
        unless(same_as_an_unknown_one=same, refused=b"generation_lost" in received.raw),
    )


def _without(raw: bytes, generation_id: str) -> bytes:
    """Remove what differs between any two responses: the requested id, and the server's time."""
    lines = raw.replace(generation_id.encode(), b"ID").split(b"\r\n")
    return b"\r\n".join(line for line in lines if not line.lower().startswith(b"date:"))


def _describe_refusal(received: Received) -> str:
    """Describe a refusal, also one that is sent as an event."""
    answer = received.answers()[0]
    for line in answer.body.split(b"\n"):
        if line.startswith(b"data: "):
            event = orjson.loads(line[6:])
            return f"{answer.status}, event `{event['type']}`, `{event.get('code')}`"
    return answer.describe()


async def _by_socket(stage: Stage, answer: RunningAnswer) -> Outcome:
    replies, same = {}, True
    async with stage.client(stage.keyed.url, "bob") as http, http.ws_connect("/api/ws") as socket:
        for name, command in COMMANDS.items():
            texts = []
            for generation_id in (answer.id, UNKNOWN):
                await socket.send_json({"id": 1, "generation_id": generation_id, **command})
                texts.append((await socket.receive_str(timeout=PATIENCE)).replace(generation_id, "ID"))
            replies[name] = orjson.loads(texts[0])
            same = same and texts[0] == texts[1]
    return Outcome(
        "Another principal's generation on a socket",
        ", ".join(COMMANDS),
        f"{', '.join(str(reply.get('code', reply['type'])) for reply in replies.values())}; byte for byte the same as "
        f"for an unknown id: {'yes' if same else 'no'}",
        "to other principals it does not exist",
        unless(all_refused=all(reply["type"] == "rejected" for reply in replies.values()), same_as_an_unknown_one=same),
    )


async def _observing(stage: Stage, answer: RunningAnswer) -> Outcome:
    names = ("snapshot", "interrupt", "feedback", "note")
    received = {name: (await _send(stage, "watcher", name, answer.id)).answers()[0].status for name in names}
    return Outcome(
        "The role `observe`, sending commands",
        ", ".join(names),
        ", ".join(map(str, received.values())),
        "the role may read, and not send commands",
        unless(
            it_reads=received["snapshot"] == 200,
            it_does_not_command=[received[name] for name in names[1:]] == [403] * 3,
        ),
    )


async def _check_unchanged(answer: RunningAnswer) -> Outcome:
    """Check the effect of all attacks, before a principal acts that may."""
    async with answer.http.get(f"/api/generations/{answer.id}") as response:
        snapshot = await response.json()
    got = (snapshot["state"], snapshot["revision"], len(snapshot["feedback"]))
    return Outcome(
        "All of these",
        "what its owner sees",
        f"state {got[0]}, revision {got[1]}, feedback {got[2]}",
        "no command was carried out",
        unless(nothing_has_changed=got == ("streaming", 1, 0)),
    )


async def _operating(stage: Stage, answer: RunningAnswer) -> Outcome:
    note = (await _send(stage, "operator", "note", answer.id)).answers()[0].status
    stop = (await _send(stage, "operator", "interrupt", answer.id)).answers()[0].status
    return Outcome(
        "(control) The role `operate`",
        "note, interrupt",
        f"{note}, {stop}",
        "allowed: that is the purpose of the role",
        unless(both_taken=(note, stop) == (202, 202)),
    )


async def _idempotency(stage: Stage) -> Outcome:
    body = orjson.dumps({"model": "plain", "messages": [{"role": "user", "content": "a secret of alice's"}]})
    ids = {}
    for who in ("alice", "bob", "alice again"):
        key = f"Authorization: {stage.bearer(who.split()[0])['Authorization']}"
        data = request("POST", "/api/generations", key, JSON, "Idempotency-Key: shared", CLOSE, body=body)
        (answer,) = (await exchange(stage.keyed.url, data, first=PATIENCE)).answers()
        ids[who] = orjson.loads(answer.body)["id"]
    return Outcome(
        "Another principal's idempotency key",
        "the same key and body as alice's start",
        "a generation of his own" if ids["bob"] != ids["alice"] else "the other's answer",
        "idempotency keys are separate for each principal",
        unless(not_the_others=ids["bob"] != ids["alice"], but_alices_own=ids["alice"] == ids["alice again"]),
    )


FAMILY: Final = Family(
    "Ownership",
    """\
bob has a valid key of his own, and the id of a running generation of alice's.""",
    run,
)
