"""The servers between load and provider: our gateway over each transport, and two others."""

import json
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from tests.bench.messages import AnswerSpec, Framing, Request
from tests.bench.processes import Server, free_port, python, serving

OTHER_SERVERS = Path(__file__).parent / "other_servers"
EXPRESS = OTHER_SERVERS / "express"
INSTALLING_SECONDS = 120

GATEWAY_SETTINGS = {
    "DUALSTREAM_MAX_CONCURRENT": "0",
    "DUALSTREAM_RATE_LIMIT_PER_MINUTE": "0",
    "DUALSTREAM_DRAIN_TIMEOUT": "0",
}

MESSAGES = [{"role": "user", "content": "Why is the sky blue?"}]

Start = Callable[[int, Path, IO[bytes], Mapping[str, str]], AbstractContextManager[Server]]
"""Starts a server in front of a provider: port of the provider, directory for files, log, settings of the scenario."""


@dataclass(frozen=True, slots=True)
class Target:
    """A server and a transport. `missing` returns why it can't be started here, or an empty string."""

    name: str
    title: str
    server: str
    start: Start
    request: Callable[[AnswerSpec], Request]
    missing: Callable[[], str]
    must_close: bool = True
    """Whether a connection to the provider that stays open is a fault; other servers leave it open by design."""


@contextmanager
def _gateway(provider: int, _directory: Path, log: IO[bytes], settings: Mapping[str, str]) -> Iterator[Server]:
    port = free_port()
    command = python("gateway", "serve", "--port", str(port), "--upstream", f"http://127.0.0.1:{provider}/v1")
    with serving(command, port, log, {**GATEWAY_SETTINGS, **settings}) as server:
        yield server


@contextmanager
def _express(provider: int, _directory: Path, log: IO[bytes], _settings: Mapping[str, str]) -> Iterator[Server]:
    port = free_port()
    environment = {
        "PORT": str(port),
        "UPSTREAM": f"http://127.0.0.1:{provider}/v1",
        "NODE_ENV": "production",
    }
    with serving(["node", str(EXPRESS / "server.js")], port, log, environment) as server:
        yield server


@contextmanager
def _nginx(provider: int, directory: Path, log: IO[bytes], _settings: Mapping[str, str]) -> Iterator[Server]:
    port = free_port()
    file = directory / "nginx.conf"
    template = (OTHER_SERVERS / "nginx.conf").read_text()
    file.write_text(template.replace("{port}", str(port)).replace("{provider}", str(provider)))
    with serving(["nginx", "-p", str(directory), "-e", "stderr", "-c", str(file)], port, log) as server:
        yield server


def _stream(answer: AnswerSpec) -> Request:
    return Request("sse", "/api/chat/stream", json.dumps({"model": answer.model_name(), "messages": MESSAGES}))


def _polls(answer: AnswerSpec) -> Request:
    return Request("poll", "/api/generations", json.dumps({"model": answer.model_name(), "messages": MESSAGES}))


def _socket(answer: AnswerSpec) -> Request:
    start = {"type": "start", "model": answer.model_name(), "messages": MESSAGES}
    return Request("websocket", "/api/ws", method="GET", first=json.dumps(start))


def _seed_stream(answer: AnswerSpec) -> Request:
    return Request(
        "sse", "/api/chat/stream", json.dumps({"messages": MESSAGES, "options": {"model": answer.model_name()}})
    )


def _completions(answer: AnswerSpec) -> Request:
    body = {"model": answer.model_name(), "messages": MESSAGES, "stream": True}
    return Request("sse", "/v1/chat/completions", json.dumps(body))


def view_request(framing: Framing, generation_id: str) -> Request:
    """Return the request that views a running generation of our gateway."""
    if framing == "sse":
        return Request("sse", f"/api/generations/{generation_id}/events", method="GET")
    attach = {"type": "attach", "generation_id": generation_id}
    return Request("websocket", "/api/ws", method="GET", first=json.dumps(attach))


def _find_nothing_missing() -> str:
    return ""


def _find_missing_express() -> str:
    if shutil.which("node") is None:
        return "node is not installed"
    if (EXPRESS / "node_modules" / "express").is_dir():
        return ""
    npm = shutil.which("npm")
    if npm is None:
        return "npm is not installed"
    command = [npm, "install", "--omit=dev", "--no-audit", "--no-fund", "--no-package-lock", "--loglevel=error"]
    try:
        done = subprocess.run(
            command, cwd=EXPRESS, capture_output=True, text=True, timeout=INSTALLING_SECONDS, check=False
        )
    except subprocess.TimeoutExpired:
        return f"npm install took more than {INSTALLING_SECONDS} s"
    return "" if done.returncode == 0 else f"npm install failed: {done.stderr.strip().splitlines()[:1]}"


def _find_missing_nginx() -> str:
    return "" if shutil.which("nginx") else "nginx is not installed"


TARGETS = {
    target.name: target
    for target in (
        Target("sse", "SSE", "gateway", _gateway, _stream, _find_nothing_missing),
        Target("websocket", "WebSocket", "gateway", _gateway, _socket, _find_nothing_missing),
        Target("poll", "long poll", "gateway", _gateway, _polls, _find_nothing_missing),
        Target("chat", "Chat Completions", "gateway", _gateway, _completions, _find_nothing_missing),
        Target("express", "Express", "express", _express, _seed_stream, _find_missing_express, must_close=False),
        Target("nginx", "nginx", "nginx", _nginx, _completions, _find_missing_nginx, must_close=False),
    )
}


def find_version(*command: str) -> str:
    """Return the version of a program, or an empty string if it is not installed."""
    if shutil.which(command[0]) is None:
        return ""
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    found = re.search(r"\d+(\.\d+)+", done.stdout + done.stderr)
    return found.group() if found else ""
