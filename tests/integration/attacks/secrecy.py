"""Every way to go wrong that has a secret in it: is it in an answer, or in a log?"""

import os
import secrets
import signal
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Final

import aiohttp
import jwt
import orjson

from gateway.security.api_keys import generate_key, hash_secret
from tests.integration.attacks.outcome import Family, Outcome, unless
from tests.integration.attacks.provider import FAILURES, INTERNAL
from tests.integration.attacks.stage import PATIENCE, Stage, write_key_file
from tests.integration.attacks.wire import CLOSE, exchange, request
from tests.integration.processes import Server, gateway
from tests.integration.test_nginx import Nginx, nginx_before

MESSAGES: Final = [{"role": "user", "content": "a question that is nobody's business"}]
CONFIGURATION: Final = """
[jwt]
algorithms = ["HS256"]
secret_variable = "ATTACKED_AUTH_SECRET"
"""


@dataclass
class Scene:
    """A gateway with every kind of secret, the nginx before it, and all that was answered."""

    stage: Stage
    server: Server
    nginx: Nginx
    upstream_key: str
    jwt_secret: str
    answers: list[bytes] = field(default_factory=list)
    shown: dict[str, str] = field(default_factory=dict)
    """What clients have shown, by what it is."""

    async def try_each(self, path: str, *headers: str, method: str = "GET", body: bytes = b"") -> str:
        """Ask directly and through nginx; give the first answer's status."""
        heard = [
            await exchange(url, request(method, path, *headers, CLOSE, body=body), first=PATIENCE)
            for url in (self.server.url, self.nginx.url)
        ]
        self.answers += [one.raw for one in heard]
        return str(heard[0].answers()[0].status)

    def found(self, wanted: Mapping[str, str]) -> list[str]:
        """List where which of these is."""
        places = {
            "an answer": b"".join(self.answers).decode("utf-8", "replace"),
            "the gateway's output": self.server.output,
            "nginx's log": self.nginx.log.read_text(),
            "nginx's error log": self.nginx.output,
        }
        return [
            f"{name} in {place}" for place, text in places.items() for name, secret in wanted.items() if secret in text
        ]


async def run(stage: Stage) -> list[Outcome]:
    """Make it all go wrong, and look for every secret everywhere."""
    with _scene(stage) as scene:
        rows = [
            await _meant_to_be_seen(scene),
            await _credentials(scene),
            await _tickets(scene),
            await _upstream(scene),
            await _broken_keys(scene),
        ]
        rows.append(_tracebacks(scene))
    return [*rows, await _gone(scene)]


@contextmanager
def _scene(stage: Stage) -> Iterator[Scene]:
    upstream_key, jwt_secret = f"sk-{secrets.token_hex(20)}", secrets.token_hex(32)
    keys, configuration = stage.folder / "secret-keys.toml", stage.folder / "secret.toml"
    write_key_file(keys, stage.keys)
    configuration.write_text(CONFIGURATION, "utf-8")
    os.environ["ATTACKED_AUTH_SECRET"] = jwt_secret
    try:
        with (
            gateway(
                "--config",
                str(configuration),
                "--upstream",
                stage.provider.url,
                keys_file=keys,
                upstream_api_key=upstream_key,
                trusted_proxies="127.0.0.1",
                max_attempts=1,
                breaker_failures=0,
            ) as server,
            nginx_before(server.url, folder=stage.folder / "secret") as nginx,
        ):
            yield Scene(stage, server, nginx, upstream_key, jwt_secret)
    finally:
        del os.environ["ATTACKED_AUTH_SECRET"]


async def _meant_to_be_seen(scene: Scene) -> Outcome:
    canary = f"canary-{secrets.token_hex(8)}"
    await scene.try_each("/api/stats", f"X-Request-ID: {canary}")
    found = scene.found({"it": canary})
    return Outcome(
        "(control) What is no secret",
        "an `X-Request-ID`",
        f"found: {', '.join(found)}",
        "nothing: it is there to be found",
        unless(in_both=found == ["it in an answer", "it in nginx's log"]),
    )


async def _credentials(scene: Scene) -> Outcome:
    alice, never = scene.stage.keys["alice"], generate_key()
    late = jwt.encode({"sub": "carol", "exp": time.time() - 3600}, scene.jwt_secret, "HS256")
    forged = jwt.encode({"sub": "carol", "exp": time.time() + 3600}, "y" * 64, "HS256")
    bare = jwt.encode({"sub": "carol", "exp": time.time() + 3600}, "", "none")
    scene.shown = {
        "a key": alice.text(),
        "a key's secret": alice.secret,
        "a key's hash": hash_secret(alice.secret),
        "a wrong key": never.text(),
        "an expired token": late,
        "a forged token": forged,
        "an unsigned token": bare,
        "the tokens' secret": scene.jwt_secret,
        "a password": "aGVsbG86c2VjcmV0",
    }
    shown = [
        *(
            f"Bearer {scene.shown[name]}"
            for name in ("a wrong key", "an expired token", "a forged token", "an unsigned token")
        ),
        f"Bearer {alice.text()[:-1]}",
        alice.text(),
        f"Basic {scene.shown['a password']}",
        f"Bearer {alice.text()} {alice.text()}",
    ]
    said = [await scene.try_each("/api/stats", f"Authorization: {one}") for one in shown]
    said.append(await scene.try_each("/api/stats", f"Authorization: Bearer {alice.text()}"))
    for one in (alice.text(), never.text(), late):
        said.append(await scene.try_each(f"/api/stats?key={one}&token={one}&access_token={one}"))
        await _hello(scene, one[:-2])
    found = scene.found(scene.shown)
    return Outcome(
        "Keys and tokens that are not good",
        "a wrong, a cut, a doubled key, tokens that are expired, forged, unsigned, a password; in the header, in a "
        "`hello`, in the URL; and a good key without the role",
        f"{', '.join(said)}; found: {', '.join(found) or 'none'}",
        "refusals quote nothing of it",
        unless(no_secret_was_found=not found, none_was_taken="200" not in said),
    )


async def _hello(scene: Scene, token: str) -> None:
    async with scene.stage.client(scene.nginx.url) as http, http.ws_connect("/api/ws") as socket:
        await socket.send_json({"type": "hello", "token": token, "extra": token})
        await socket.send_json({"type": "hello", "token": [token]})
        await socket.send_json({"type": token})
        await socket.send_json({"type": "hello", "token": token})
        while (message := await socket.receive()).type is aiohttp.WSMsgType.TEXT:
            # What is no command is quoted to who has sent it, and to nobody else.
            scene.answers += [] if f"'{token[:20]}" in message.data else [message.data.encode()]
        scene.answers.append(str(message.extra).encode())


async def _tickets(scene: Scene) -> Outcome:
    tickets = {}
    async with scene.stage.client(scene.server.url, "alice") as http:
        for name in ("a used ticket", "a ticket for another thing", "a ticket in a wrong place"):
            async with http.post("/api/tickets", json={"scope": "start"}) as response:
                tickets[name] = (await response.json())["ticket"]
    used, other, misplaced = tickets.values()
    events = "Accept: text/event-stream"
    said = [
        await scene.try_each(f"/api/chat/stream?prompt=x&model=echo-500&ticket={used}", events),
        await scene.try_each(f"/api/chat/stream?prompt=x&model=plain&ticket={used}", events),
        await scene.try_each(f"/api/generations/g_AAAAAAAAAAAAAAAAAAAAAA/events?ticket={other}", events),
        await scene.try_each(f"/api/chat/stream?unknown={misplaced}&ticket={misplaced}x", events),
        await scene.try_each(f"/api/ws?ticket={misplaced}"),
    ]
    found = scene.found(tickets)
    return Outcome(
        "Tickets in URLs",
        "used, used again, for something else, in the wrong place; one start failed at the provider",
        f"{', '.join(said)}; found: {', '.join(found) or 'none'}",
        "no log has a query",
        unless(no_ticket_was_found=not found),
    )


async def _upstream(scene: Scene) -> Outcome:
    key = f"Authorization: Bearer {scene.stage.keys['alice'].text()}"
    codes = []
    for model in FAILURES:
        body = orjson.dumps({"model": model, "messages": MESSAGES})
        await scene.try_each("/api/chat/stream", key, "Content-Type: application/json", method="POST", body=body)
        last = orjson.loads(scene.answers[-1].rpartition(b"data: ")[2].partition(b"\n\n")[0])
        codes.append(f"`{last['code']}`")
        # As a snapshot, and over a socket.
        await _by_socket(scene, model)
    wanted = {
        "the provider's key": scene.upstream_key,
        "its host": INTERNAL,
        "its address": "10.1.2.3",
        "its markup": "<h1>",
        "the prompt": "nobody's business",
    }
    found = scene.found(wanted)
    return Outcome(
        "A provider that says the gateway's key",
        "in a 400, 401, 422, 500, a web page with 200, within the stream; with a host and an address of its own",
        f"{', '.join(codes)}; found: {', '.join(found) or 'none'}",
        "a provider's words are cleaned, and only passed on where they help",
        unless(no_secret_was_found=not found, the_provider_has_said_it=scene.upstream_key in scene.stage.provider.keys),
    )


async def _by_socket(scene: Scene, model: str) -> None:
    async with scene.stage.client(scene.nginx.url, "alice") as http:
        async with http.ws_connect("/api/ws") as socket:
            await socket.send_json({"type": "start", "model": model, "messages": MESSAGES})
            event: dict[str, object] = {"type": ""}
            while event["type"] != "error":
                text = await socket.receive_str(timeout=PATIENCE)
                scene.answers.append(text.encode())
                event = orjson.loads(text)
        async with http.get(f"/api/generations/{event['generation_id']}") as response:
            scene.answers.append(await response.read())


async def _broken_keys(scene: Scene) -> Outcome:
    """A key in place of a name, a secret in place of a hash, and what is no TOML at all."""
    file, alice = scene.stage.folder / "secret-keys.toml", scene.stage.keys["alice"]
    broken = (
        f'[keys."{alice.text()}"]\nid = "x"\nhash = "y"\n',
        f'[keys.alice]\nid = "{alice.id}"\nhash = "{alice.secret}"\n',
        f'[keys.alice]\nid = "{alice.id}"\nhash = "{hash_secret(alice.secret)}"\nsecret = "{alice.secret}"\n',
        f"[keys.alice]\nhash = {alice.text()}\n",
    )
    told = 0
    for text in broken:
        file.write_text(text, "utf-8")
        os.kill(scene.server.pid, signal.SIGHUP)
        told += 1
        scene.server.wait_for(rf"(?s)(secret-keys\.toml.*){{{told}}}")
    good = await scene.try_each("/api/models", f"Authorization: Bearer {alice.text()}")
    write_key_file(file, scene.stage.keys)
    found = scene.found(
        {"a key": alice.text(), "a key's secret": alice.secret, "a key's hash": hash_secret(alice.secret)}
    )
    return Outcome(
        "A broken file of keys, and SIGHUP",
        "a key where its name belongs, a secret where its hash belongs, a field too many, no TOML",
        f"told {told} times, the keys from before stay ({good}); found: {', '.join(found) or 'none'}",
        "faults are told by line, without what stands there",
        unless(no_secret_was_found=not found, the_old_keys_stay=good == "200"),
    )


def _tracebacks(scene: Scene) -> Outcome:
    outputs = [server.output for server in (scene.server, scene.stage.open, scene.stage.keyed, scene.stage.behind)]
    count = sum(output.count("Traceback") for output in outputs)
    return Outcome(
        "Tracebacks",
        "looked for in the output of every gateway of this page, after all of this",
        f"{count}",
        "what is expected to go wrong is no exception of ours",
        unless(none=count == 0),
    )


async def _gone(scene: Scene) -> Outcome:
    """Show a ticket to an nginx whose gateway is gone."""
    with nginx_before(scene.server.url, folder=scene.stage.folder / "gone") as nginx:
        path = f"/api/chat/stream?prompt=x&ticket={'t' * 32}"
        heard = await exchange(nginx.url, request("GET", path, "Accept: text/event-stream", CLOSE), first=PATIENCE)
        nginx.wait_for("connect\\(\\) failed")
        logged = "t" * 32 in nginx.log.read_text(), "t" * 32 in nginx.output
    return Outcome(
        "A ticket in a URL while the gateway is away",
        "through nginx, whose error log quotes the line of a request that fails",
        f"{heard.answers()[0].status}; in nginx's log: {_yes(logged[0])}, in its error log: {_yes(logged[1])}",
        "nothing; but tickets are in the memory of the gateway that is gone ([nginx.md](nginx.md))",
        unless(not_in_the_log=not logged[0]),
    )


def _yes(is_so: bool) -> str:
    return "yes" if is_so else "no"


FAMILY: Final = Family(
    "Secrets",
    """\
A gateway with keys, tokens and a key of its provider's, behind nginx. After each attack all answers, the gateway's
output and both of nginx's logs are searched for each secret.""",
    run,
)
