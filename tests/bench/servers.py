"""The servers between load and provider, as processes: our gateway in several forms, and others."""

import re
import shutil
import subprocess
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import IO

from tests.bench.processes import CHECKOUT, Server, free_port, python, serving

OTHER_SERVERS = Path(__file__).parent / "other_servers"
EXPRESS = OTHER_SERVERS / "express"
LITELLM = CHECKOUT / "build" / "bench" / "litellm" / "bin" / "litellm"
"""The proxy in a virtual environment of its own: it needs other versions of our packages."""

INSTALLING_SECONDS = 120

GATEWAY_SETTINGS = {
    "DUALSTREAM_MAX_CONCURRENT": "0",
    "DUALSTREAM_RATE_LIMIT_PER_MINUTE": "0",
    "DUALSTREAM_DRAIN_TIMEOUT": "0",
}

Start = Callable[[int, Path, IO[bytes], Mapping[str, str]], AbstractContextManager[Server]]
"""Starts a server in front of a provider: port of the provider, directory for files, log, settings of the scenario."""


def gateway(checkout: Path, own_settings: Mapping[str, str] | None = None) -> Start:
    """Return what starts the gateway of a checkout, with settings of its own."""

    @contextmanager
    def start(provider: int, _directory: Path, log: IO[bytes], settings: Mapping[str, str]) -> Iterator[Server]:
        port = free_port()
        command = python("gateway", "serve", "--port", str(port), "--upstream", f"http://127.0.0.1:{provider}/v1")
        environment = {"PYTHONPATH": str(checkout), **GATEWAY_SETTINGS, **(own_settings or {}), **settings}
        with serving(command, port, log, environment, checkout) as server:
            yield server

    return start


def gateway_with_redis(checkout: Path) -> Start:
    """Return what starts the gateway of a checkout with a Redis of its own."""

    @contextmanager
    def start(provider: int, directory: Path, log: IO[bytes], settings: Mapping[str, str]) -> Iterator[Server]:
        with redis_server(log) as redis:
            store = {"DUALSTREAM_STORE": f"redis://127.0.0.1:{redis.port}"}
            with gateway(checkout, store)(provider, directory, log, settings) as server:
                yield replace(server, store=(redis.pid,))

    return start


@contextmanager
def redis_server(log: IO[bytes], *options: str) -> Iterator[Server]:
    """Run redis-server, in memory alone."""
    port = free_port()
    address = ["--bind", "127.0.0.1", "--port", str(port)]
    with serving(["redis-server", *address, "--save", "", "--appendonly", "no", *options], port, log) as server:
        yield server


@contextmanager
def express(provider: int, _directory: Path, log: IO[bytes], _settings: Mapping[str, str]) -> Iterator[Server]:
    """Run the Express server."""
    port = free_port()
    environment = {
        "PORT": str(port),
        "UPSTREAM": f"http://127.0.0.1:{provider}/v1",
        "NODE_ENV": "production",
    }
    with serving(["node", str(EXPRESS / "server.js")], port, log, environment) as server:
        yield server


@contextmanager
def nginx(provider: int, directory: Path, log: IO[bytes], _settings: Mapping[str, str]) -> Iterator[Server]:
    """Run nginx."""
    port = free_port()
    file = _write_configuration("nginx.conf", directory, provider, port)
    with serving(["nginx", "-p", str(directory), "-e", "stderr", "-c", str(file)], port, log) as server:
        yield server


@contextmanager
def litellm(provider: int, directory: Path, log: IO[bytes], _settings: Mapping[str, str]) -> Iterator[Server]:
    """Run LiteLLM's proxy, with one worker."""
    port = free_port()
    file = _write_configuration("litellm.yaml", directory, provider, port)
    command = [find_litellm(), "--config", str(file), "--host", "127.0.0.1", "--port", str(port), "--num_workers", "1"]
    # Without it, it looks for a list of prices on the network when it starts.
    environment = {"LITELLM_LOCAL_MODEL_COST_MAP": "True", "LITELLM_LOG": "ERROR", "PYTHONPATH": ""}
    with serving(command, port, log, environment) as server:
        yield server


def find_litellm() -> str:
    """Return the path of LiteLLM's proxy, or an empty string."""
    return str(LITELLM) if LITELLM.is_file() else shutil.which("litellm") or ""


def find_nothing_missing() -> str:
    """Return what our gateway lacks, which is nothing."""
    return ""


def find_missing_redis() -> str:
    """Return why redis-server can't be started, or an empty string."""
    return "" if shutil.which("redis-server") else "redis-server is not installed"


def find_missing_express() -> str:
    """Return why the Express server can't be started, or an empty string. It is installed if npm is there."""
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


def find_missing_nginx() -> str:
    """Return why nginx can't be started, or an empty string."""
    return "" if shutil.which("nginx") else "nginx is not installed"


def find_missing_litellm() -> str:
    """Return why LiteLLM's proxy can't be started, or an empty string."""
    return "" if find_litellm() else "litellm is not installed (docs/performance.md says how)"


def find_version(*command: str) -> str:
    """Return the version of a program, or an empty string if it is not installed."""
    if shutil.which(command[0]) is None:
        return ""
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    found = re.search(r"\d+(\.\d+)+", done.stdout + done.stderr)
    return found.group() if found else ""


def _write_configuration(name: str, directory: Path, provider: int, port: int) -> Path:
    file, template = directory / name, (OTHER_SERVERS / name).read_text()
    file.write_text(template.replace("{port}", str(port)).replace("{provider}", str(provider)))
    return file
