"""Every failure that involves a secret: does the secret appear in a response or in a log?"""

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
from tests.integration.test_nginx import Nginx, running_nginx

MESSAGES: Final = [{"role": "user", "content": "a question that is nobody's business"}]
CONFIGURATION: Final = """
[jwt]
algorithms = ["HS256"]
secret_variable = "ATTACKED_AUTH_SECRET"
"""


@dataclass
class Scene:
    """A gateway with every kind of secret, the nginx in front of it, and everything that was received."""

    stage: Stage
    server: Server
    nginx: Nginx
    upstream_key: str
    jwt_secret: str
    answers: list[bytes] = field(default_factory=list)
    credentials: dict[str, str] = field(default_factory=dict)
    """Credentials that clients have sent, by description."""

    async def send_both_ways(self, path: str, *headers: str, method: str = "GET", body: bytes = b"") -> str:
        """Send a request directly and through nginx; return the status of the first response."""
        received = [
            await exchange(url, request(method, path, *headers, CLOSE, body=body), first=PATIENCE)
            for url in (self.server.url, self.nginx.url)
        ]
        self.answers += [reply.raw for reply in received]
        return str(received[0].answers()[0].status)

    def found(self, wanted: Mapping[str, str]) -> list[str]:
        """List which of these values was found where."""
        locations = {
            "a response": b"".join(self.answers).decode("utf-8", "replace"),
            "the gateway's output": self.server.output,
            "nginx's log": self.nginx.log.read_text(),
            "nginx's error log": self.nginx.output,
        }
        return [
            f"{name} in {location}"
            for location, text in locations.items()
            for name, secret in wanted.items()
            if secret in text
        ]


async def run(stage: Stage) -> list[Outcome]:
    """Cause every failure, and search for every secret everywhere."""
    with _start_scene(stage) as scene:
        rows = [
            await _control(scene),
            await _credentials(scene),
            await _tickets(scene),
            await _upstream(scene),
            await _broken_keys(scene),
        ]
        rows.append(_tracebacks(scene))
    return [*rows, await _gateway_down(scene)]


@contextmanager
def _start_scene(stage: Stage) -> Iterator[Scene]:
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
            running_nginx(server.url, folder=stage.folder / "secret") as nginx,
        ):
            yield Scene(stage, server, nginx, upstream_key, jwt_secret)
    finally:
        del os.environ["ATTACKED_AUTH_SECRET"]


async def _control(scene: Scene) -> Outcome:
    canary = f"canary-{secrets.token_hex(8)}"
    await scene.send_both_ways("/api/stats", f"X-Request-ID: {canary}")
    found = scene.found({"it": canary})
    return Outcome(
        "(control) A value that is not secret",
        "an `X-Request-ID`",
        f"found: {', '.join(found)}",
        "allowed: the search must find it",
        unless(in_both=found == ["it in a response", "it in nginx's log"]),
    )


async def _credentials(scene: Scene) -> Outcome:
    alice, never = scene.stage.keys["alice"], generate_key()
    late = jwt.encode({"sub": "carol", "exp": time.time() - 3600}, scene.jwt_secret, "HS256")
    forged = jwt.encode({"sub": "carol", "exp": time.time() + 3600}, "y" * 64, "HS256")
    bare = jwt.encode({"sub": "carol", "exp": time.time() + 3600}, "", "none")
    scene.credentials = {
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
    headers = [
        *(
            f"Bearer {scene.credentials[name]}"
            for name in ("a wrong key", "an expired token", "a forged token", "an unsigned token")
        ),
        f"Bearer {alice.text()[:-1]}",
        alice.text(),
        f"Basic {scene.credentials['a password']}",
        f"Bearer {alice.text()} {alice.text()}",
    ]
    statuses = [await scene.send_both_ways("/api/stats", f"Authorization: {header}") for header in headers]
    statuses.append(await scene.send_both_ways("/api/stats", f"Authorization: Bearer {alice.text()}"))
    for credential in (alice.text(), never.text(), late):
        statuses.append(
            await scene.send_both_ways(f"/api/stats?key={credential}&token={credential}&access_token={credential}")
        )
        await _hello(scene, credential[:-2])
    found = scene.found(scene.credentials)
    return Outcome(
        "Invalid keys and JWTs",
        "a wrong, a truncated, a doubled key; expired, forged, unsigned JWTs; a password; in the header, in a "
        "`hello`, in the URL; and a valid key without the role",
        f"{', '.join(statuses)}; found: {', '.join(found) or 'none'}",
        "refusals do not quote credentials",
        unless(no_secret_was_found=not found, none_was_taken="200" not in statuses),
    )


async def _hello(scene: Scene, token: str) -> None:
    async with scene.stage.client(scene.nginx.url) as http, http.ws_connect("/api/ws") as socket:
        await socket.send_json({"type": "hello", "token": token, "extra": token})
        await socket.send_json({"type": "hello", "token": [token]})
        await socket.send_json({"type": token})
        await socket.send_json({"type": "hello", "token": token})
        while (message := await socket.receive()).type is aiohttp.WSMsgType.TEXT:
            # An invalid command is quoted to the client that sent it, and to no other.
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
    statuses = [
        await scene.send_both_ways(f"/api/chat/stream?prompt=x&model=echo-500&ticket={used}", events),
        await scene.send_both_ways(f"/api/chat/stream?prompt=x&model=plain&ticket={used}", events),
        await scene.send_both_ways(f"/api/generations/g_AAAAAAAAAAAAAAAAAAAAAA/events?ticket={other}", events),
        await scene.send_both_ways(f"/api/chat/stream?unknown={misplaced}&ticket={misplaced}x", events),
        await scene.send_both_ways(f"/api/ws?ticket={misplaced}"),
    ]
    found = scene.found(tickets)
    return Outcome(
        "Tickets in URLs",
        "used, used again, for something else, in the wrong place; one start failed at the provider",
        f"{', '.join(statuses)}; found: {', '.join(found) or 'none'}",
        "no log contains a query",
        unless(no_ticket_was_found=not found),
    )


async def _upstream(scene: Scene) -> Outcome:
    key = f"Authorization: Bearer {scene.stage.keys['alice'].text()}"
    codes = []
    for model in FAILURES:
        body = orjson.dumps({"model": model, "messages": MESSAGES})
        await scene.send_both_ways("/api/chat/stream", key, "Content-Type: application/json", method="POST", body=body)
        last = orjson.loads(scene.answers[-1].rpartition(b"data: ")[2].partition(b"\n")[0])
        codes.append(f"`{last['code']}`")
        # Also as a snapshot, and over a socket.
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
        "A provider that repeats the gateway's key",
        "in a 400, 401, 422, 500, a web page with 200, within the stream; with a host and an address of its own",
        f"{', '.join(codes)}; found: {', '.join(found) or 'none'}",
        "provider messages are sanitized, and only passed on where they help",
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
    """A key in place of a name, a secret in place of a hash, an extra field, and invalid TOML."""
    file, alice = scene.stage.folder / "secret-keys.toml", scene.stage.keys["alice"]
    broken = (
        f'[keys."{alice.text()}"]\nid = "x"\nhash = "y"\n',
        f'[keys.alice]\nid = "{alice.id}"\nhash = "{alice.secret}"\n',
        f'[keys.alice]\nid = "{alice.id}"\nhash = "{hash_secret(alice.secret)}"\nsecret = "{alice.secret}"\n',
        f"[keys.alice]\nhash = {alice.text()}\n",
    )
    reported = 0
    for text in broken:
        file.write_text(text, "utf-8")
        os.kill(scene.server.pid, signal.SIGHUP)
        reported += 1
        scene.server.wait_for(rf"(?s)(secret-keys\.toml.*){{{reported}}}")
    good = await scene.send_both_ways("/api/models", f"Authorization: Bearer {alice.text()}")
    write_key_file(file, scene.stage.keys)
    found = scene.found(
        {"a key": alice.text(), "a key's secret": alice.secret, "a key's hash": hash_secret(alice.secret)}
    )
    return Outcome(
        "A broken key file, and SIGHUP",
        "a key in place of its name, a secret in place of its hash, an extra field, invalid TOML",
        f"reported {reported} times, the previous keys stay valid ({good}); found: {', '.join(found) or 'none'}",
        "errors are reported by line, without the content",
        unless(no_secret_was_found=not found, the_old_keys_stay=good == "200"),
    )


def _tracebacks(scene: Scene) -> Outcome:
    outputs = [server.output for server in (scene.server, scene.stage.open, scene.stage.keyed, scene.stage.behind)]
    count = sum(output.count("Traceback") for output in outputs)
    return Outcome(
        "Tracebacks",
        "searched in the output of every gateway of this page, after all attacks",
        f"{count}",
        "expected failures raise no unhandled exception",
        unless(none=count == 0),
    )


async def _gateway_down(scene: Scene) -> Outcome:
    """Send a ticket to an nginx whose gateway is down."""
    with running_nginx(scene.server.url, folder=scene.stage.folder / "gone") as nginx:
        path = f"/api/chat/stream?prompt=x&ticket={'t' * 32}"
        received = await exchange(nginx.url, request("GET", path, "Accept: text/event-stream", CLOSE), first=PATIENCE)
        nginx.wait_for("connect\\(\\) failed")
        logged = "t" * 32 in nginx.log.read_text(), "t" * 32 in nginx.output
    return Outcome(
        "A ticket in a URL while the gateway is down",
        "through nginx, whose error log quotes the request line of a failed request",
        f"{received.answers()[0].status}; in nginx's log: {_yes(logged[0])}, in its error log: {_yes(logged[1])}",
        "nothing; but tickets are stored in the memory of the gateway that is down "
        "([nginx.md](../operations/nginx.md))",
        unless(not_in_the_log=not logged[0]),
    )


def _yes(is_so: bool) -> str:
    return "yes" if is_so else "no"


FAMILY: Final = Family(
    "Secrets",
    """\
A gateway with keys, JWTs and a provider key, behind nginx. After each attack, all responses, the gateway's output and
both logs of nginx are searched for each secret.""",
    run,
)
