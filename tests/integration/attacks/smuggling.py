"""Requests that two servers may parse differently: does a hidden request ever run?"""

import asyncio
from collections.abc import Sequence
from typing import Final

import orjson

from tests.integration.attacks import identity
from tests.integration.attacks.outcome import Family, Outcome, unless
from tests.integration.attacks.stage import Stage
from tests.integration.attacks.vectors import START, VECTORS, Vector
from tests.integration.attacks.wire import Received, exchange, request


async def run(stage: Stage) -> list[Outcome]:
    """Run all vectors at once, each directly and through nginx."""
    found = await asyncio.gather(*(_try_vector(stage, vector) for vector in VECTORS))
    return [await _control(stage), *found, *await identity.run(stage)]


async def _control(stage: Stage) -> Outcome:
    """Send the hidden request openly: it must run, or none of the others proves anything."""
    received = [await exchange(url, _hidden_request(stage, "openly", way)) for way, url in _urls(stage).items()]
    ran = await _count_runs(stage, "openly directly"), await _count_runs(stage, "openly nginx")
    return Outcome(
        "(control) not hidden",
        "the same request, sent openly",
        _describe_both(received),
        "allowed: it is a valid request",
        unless(both_ran=ran == (1, 1), nginx_logged_it=_logged(stage, "openly")),
    )


async def _try_vector(stage: Stage, vector: Vector) -> Outcome:
    key = f"Authorization: {stage.bearer('bob')['Authorization']}"
    received = await asyncio.gather(
        *(
            exchange(url, vector.write(key, _hidden_request(stage, vector.name, way)), quiet=1)
            for way, url in _urls(stage).items()
        )
    )
    openly, twice = (
        await _count_runs(stage, f"{vector.name} directly"),
        await _count_runs(stage, f"{vector.name} nginx"),
    )
    logged = _logged(stage, vector.name)
    return Outcome(
        vector.name,
        vector.how,
        _describe_both(received)
        + (" (nginx parsed it as a second request, and logged it)" if twice and logged else ""),
        vector.stopped_by,
        unless(
            the_gateway_did_not_run_it=openly == 0,
            nothing_ran_that_nginx_had_not_seen=twice == 0 or logged,
            others_got_their_own_answers=await _undisturbed(stage),
        ),
    )


def _logged(stage: Stage, name: str) -> bool:
    """Return True if nginx logged the hidden request as a separate request."""
    return f"request={_request_id(name)} " in stage.nginx.log.read_text()


def _request_id(name: str) -> str:
    return f"hidden-{name.encode().hex()}"


def _urls(stage: Stage) -> dict[str, str]:
    return {"directly": stage.keyed.url, "nginx": stage.nginx.url}


def _hidden_request(stage: Stage, name: str, way: str) -> bytes:
    body = orjson.dumps({"model": "plain", "messages": [{"role": "user", "content": f"hidden: {name} {way}"}]})
    key = f"Authorization: {stage.bearer('bob')['Authorization']}"
    named = f"X-Request-ID: {_request_id(name)}"
    return request("POST", START, key, named, "Content-Type: application/json", body=body)


async def _count_runs(stage: Stage, hidden: str) -> int:
    """Count the prompts that reached the provider, after a delay for late requests."""
    await asyncio.sleep(0.2)
    return stage.provider.count_prompts(f"hidden: {hidden}")


async def _undisturbed(stage: Stage) -> bool:
    """Return True if other clients of the same nginx get the responses to their own requests."""
    async with stage.client(stage.nginx.url) as http:
        for number in range(5):
            async with http.get("/api/models", headers={"X-Request-ID": f"victim-{number}"}) as response:
                if response.status != 401 or response.headers["X-Request-ID"] != f"victim-{number}":
                    return False
    return True


def _describe_both(received: Sequence[Received]) -> str:
    return f"directly: {received[0].describe()}; nginx: {received[1].describe()}"


FAMILY: Final = Family(
    "Smuggling",
    """\
Requests that two servers might parse differently, each with another request hidden in it: a start with bob's key, which
would run if a server took it for a request. Directly, it must not run. Through nginx, nothing may run that nginx has
not parsed as a separate request, and other clients must get the responses to their own requests.""",
    run,
)
