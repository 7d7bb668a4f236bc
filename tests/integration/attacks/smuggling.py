"""Requests that two servers may read differently: does one that is hidden in another ever run?"""

import asyncio
from collections.abc import Sequence
from typing import Final

import orjson

from tests.integration.attacks import identity
from tests.integration.attacks.outcome import Family, Outcome, unless
from tests.integration.attacks.stage import Stage
from tests.integration.attacks.vectors import START, VECTORS, Vector
from tests.integration.attacks.wire import Heard, exchange, request


async def run(stage: Stage) -> list[Outcome]:
    """Try all at once, each directly and through nginx."""
    found = await asyncio.gather(*(_try(stage, one) for one in VECTORS))
    return [await _control(stage), *found, *await identity.run(stage)]


async def _control(stage: Stage) -> Outcome:
    """Send the hidden request openly: it must run, or none of the others proves anything."""
    heard = [await exchange(url, _hidden(stage, "openly", way)) for way, url in _ways(stage).items()]
    ran = await _ran(stage, "openly directly"), await _ran(stage, "openly nginx")
    return Outcome(
        "(control) not hidden",
        "the same request, as it should be sent",
        _printed(heard),
        "nothing: it is in order",
        unless(both_ran=ran == (1, 1), nginx_logged_it=_logged(stage, "openly")),
    )


async def _try(stage: Stage, vector: Vector) -> Outcome:
    key = f"Authorization: {stage.bearer('bob')['Authorization']}"
    heard = await asyncio.gather(
        *(
            exchange(url, vector.write(key, _hidden(stage, vector.name, way)), quiet=1)
            for way, url in _ways(stage).items()
        )
    )
    openly, twice = await _ran(stage, f"{vector.name} directly"), await _ran(stage, f"{vector.name} nginx")
    logged = _logged(stage, vector.name)
    return Outcome(
        vector.name,
        vector.how,
        _printed(heard) + (" (to nginx a second request, which it logged as such)" if twice and logged else ""),
        vector.stopped_by,
        unless(
            the_gateway_did_not_run_it=openly == 0,
            nothing_ran_that_nginx_had_not_seen=twice == 0 or logged,
            others_got_their_own_answers=await _undisturbed(stage),
        ),
    )


def _logged(stage: Stage, name: str) -> bool:
    """Tell whether nginx knows the hidden request as a request of its own."""
    return f"request={_request_id(name)} " in stage.nginx.log.read_text()


def _request_id(name: str) -> str:
    return f"hidden-{name.encode().hex()}"


def _ways(stage: Stage) -> dict[str, str]:
    return {"directly": stage.keyed.url, "nginx": stage.nginx.url}


def _hidden(stage: Stage, name: str, way: str) -> bytes:
    body = orjson.dumps({"model": "plain", "messages": [{"role": "user", "content": f"hidden: {name} {way}"}]})
    key = f"Authorization: {stage.bearer('bob')['Authorization']}"
    named = f"X-Request-ID: {_request_id(name)}"
    return request("POST", START, key, named, "Content-Type: application/json", body=body)


async def _ran(stage: Stage, hidden: str) -> int:
    """Count what reached the provider, once what could have followed an answer has had its time."""
    await asyncio.sleep(0.2)
    return stage.provider.heard(f"hidden: {hidden}")


async def _undisturbed(stage: Stage) -> bool:
    """Tell whether others who come through the same nginx get the answers to what they asked."""
    async with stage.client(stage.nginx.url) as http:
        for number in range(5):
            async with http.get("/api/models", headers={"X-Request-ID": f"victim-{number}"}) as response:
                if response.status != 401 or response.headers["X-Request-ID"] != f"victim-{number}":
                    return False
    return True


def _printed(heard: Sequence[Heard]) -> str:
    return f"directly: {heard[0].says()}; nginx: {heard[1].says()}"


FAMILY: Final = Family(
    "Smuggling",
    """\
Requests that two servers might read differently, with another one hidden in them: a start, with bob's key, so that it
would run if anybody took it for a request. It must not run directly; through nginx nothing may run that nginx has not
seen as a request of its own, and others get the answers to their own requests.""",
    run,
)
