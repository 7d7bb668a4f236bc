"""Oversized input of every kind, and how much memory it took."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Final

import aiohttp

from tests.integration.attacks.cross_site import running_answer
from tests.integration.attacks.excesses import EXCESSES, Excess
from tests.integration.attacks.limits import run as limits
from tests.integration.attacks.outcome import Family, Outcome, unless
from tests.integration.attacks.stage import Stage, megabytes
from tests.integration.attacks.wire import Received, Wire, dial

MAX_SENT: Final = 64 << 20
"""Bytes after which an attacker who can still send has won."""
MAX_MEMORY: Final = 64
"""Megabytes that one attack may cost: the largest body, in some of its representations."""


async def run(stage: Stage) -> list[Outcome]:
    """Run all attacks one after the other, measuring memory around each."""
    return [
        *[await _send_excess(stage, excess) for excess in EXCESSES],
        *[await _measured(stage, attack) for attack in (_many_tickets, _many_feedbacks)],
        *await limits(stage),
    ]


async def _send_excess(stage: Stage, excess: Excess) -> Outcome:
    key = f"Authorization: {stage.bearer('bob')['Authorization']}"
    before = megabytes(stage.keyed)
    async with dial(stage.keyed.url) as wire:
        sending = asyncio.create_task(_send(wire, excess, excess.begin(key)))
        received = await wire.receive(first=4)
        sending.cancel()
        went_on = (await asyncio.gather(sending, return_exceptions=True))[0] is True
    grown = megabytes(stage.keyed) - before
    status = received.answers()[0].status if received.raw else 0
    return Outcome(
        f"{excess.name}: {excess.how}",
        "all at once" if not excess.endless else "until it is refused",
        _describe(received, excess) + _memory(grown),
        excess.stopped_by,
        unless(
            refused=status in excess.statuses and (received.closed or status != 0),
            it_did_not_go_on=excess.discarded or not went_on,
            memory_is_bounded=grown < MAX_MEMORY,
        ),
        varies=excess.refused_early or bool(excess.endless),
    )


def _describe(received: Received, excess: Excess) -> str:
    # A request that is refused while it is being sent may be reset before the refusal is read.
    return received.describe() if not excess.endless or received.raw else "reset" if received.closed else "taken"


def _memory(grown: float) -> str:
    return "" if grown < MAX_MEMORY else f"; {grown:.0f} MB of memory"


async def _send(wire: Wire, excess: Excess, begin: bytes) -> bool:
    """Send until the server accepts no more; return True if it accepted endless input."""
    wire.writer.write(begin)
    await wire.writer.drain()
    for _ in range(MAX_SENT // len(excess.endless) if excess.endless else 0):
        wire.writer.write(excess.endless)
        await wire.writer.drain()
        # `drain` does not yield while the kernel accepts all: the refusal would be read only after the last byte.
        await asyncio.sleep(0)
    return bool(excess.endless)


async def _measured(stage: Stage, attack: Callable[[Stage], Awaitable[Outcome]]) -> Outcome:
    before = megabytes(stage.keyed)
    outcome = await attack(stage)
    grown = megabytes(stage.keyed) - before
    assert grown < MAX_MEMORY, (outcome.attack, grown)
    return outcome


@asynccontextmanager
async def attacker(stage: Stage) -> AsyncIterator[aiohttp.ClientSession]:
    """Return a client with bob's key."""
    async with stage.client(stage.keyed.url, "bob") as http:
        yield http


async def _many_tickets(stage: Stage) -> Outcome:
    async def request_ticket(http: aiohttp.ClientSession) -> tuple[int, str]:
        async with http.post("/api/tickets", json={"scope": "start"}) as response:
            return response.status, (await response.json()).get("ticket", "")

    async with attacker(stage) as http:
        first = await request_ticket(http)
        statuses = [status for status, _ in await asyncio.gather(*(request_ticket(http) for _ in range(1100)))]
    async with stage.client(stage.keyed.url) as http:
        query = {"prompt": "Hello", "ticket": first[1]}
        async with http.get("/api/chat/stream", params=query, headers={"Accept": "text/event-stream"}) as response:
            errors = (await response.text()).count('"auth_error"')
    return Outcome(
        "Tickets: 1,101 unused ones",
        "`POST /api/tickets`, none of them used",
        f"some hundred x 201, the rest 429; the first one afterwards: {'`auth_error`' if errors else 'valid'}",
        "`max_commands_per_second` (100 for each principal, a burst of 200); 1,000 tickets for each principal",
        unless(few_were_made=statuses.count(201) < 1000, the_rest_was_refused=set(statuses) == {201, 429}),
    )


async def _many_feedbacks(stage: Stage) -> Outcome:
    text = "n" * 8192
    async with running_answer(stage, stage.keyed) as answer:
        statuses = []
        for _ in range(150):
            path = f"/api/generations/{answer.id}/feedback"
            async with answer.http.post(path, json={"mode": "note", "text": text}) as response:
                statuses.append(response.status)
        async with answer.http.get(f"/api/generations/{answer.id}") as response:
            kept = len((await response.json())["feedback"])
    return Outcome(
        "Feedback: 150 notes of 8 KiB",
        "to one running generation",
        ", ".join(f"{statuses.count(status)} x {status}" for status in sorted(set(statuses))) + f"; stored: {kept}",
        "64 KiB and 100 entries of feedback for one generation",
        unless(at_most_a_hundred=kept <= 100),
    )


FAMILY: Final = Family(
    "Oversize",
    """\
bob, or a client without a key, sends too much. Memory of the gateway is measured around each attack; it may grow by 64
MB. Endless input stops at 64 MiB, if the gateway accepts that much.""",
    run,
)
