"""What deploy/compose describes, run by the real programs, without containers: only addresses and paths are changed.

Grafana is no Debian package: the test itself asks Prometheus for each expression of the dashboard.
"""

import asyncio
import json
import os
import sys
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import aiohttp
import pytest
import yaml

from tests.integration.processes import CHECKOUT, Server, program, serving
from tests.integration.starts import free_port
from tests.integration.test_deploy_files import run

COMPOSE: Final = CHECKOUT / "deploy" / "compose"
METRICS_KEY: Final = 24 * "ab"
MODEL: Final = "sim?ttft=0&speed=0&length=60"
PRICE: Final = "price = { input = 1, output = 1 }"
SECONDS: Final = 40

WITHOUT_AN_EVENT: Final = {
    *("Refused starts by code", "Errors by code", "Retries by code", "Resumes by outcome", "Interrupts"),
    *("Time to stop the provider", "Wasted tokens per second", "Viewers behind", "Calls of unknown cost"),
    *("Input tokens per second", "Calls running"),
}
"""Panels with a line for what does not happen here: failures, commands, cached tokens, a limit."""


@dataclass(frozen=True)
class Deployment:
    """What runs: the addresses of nginx and Prometheus, those of the gateways, and the key of a client."""

    url: str
    prometheus: str
    gateways: list[str]
    key: str


class Stage:
    """Runs the services of compose.yaml in a folder of its own."""

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        self._folder = folder
        self._stack = stack
        self._services = yaml.safe_load((COMPOSE / "compose.yaml").read_text("utf-8"))["services"]

    def keys(self) -> str:
        """Create the file of keys, and return the key of a client."""
        create = [sys.executable, "-m", "gateway", "keys", "create", "alice", "--file", str(self._folder / "keys.toml")]
        return run(*create).splitlines()[0]

    def gateway(self, name: str, store: str, upstream: str) -> str:
        """Run a gateway with its variables; return its address."""
        values = {
            "redis://redis:6379/0": store,
            self._services["nginx"]["networks"]["dualstream"]["ipv4_address"]: "127.0.0.1",
            "/var/lib/dualstream/keys.toml": str(self._folder / "keys.toml"),
        }
        variables = {name: values[value] for name, value in self._services[name]["environment"].items()}
        variables |= {"DUALSTREAM_METRICS_KEY": METRICS_KEY, "OPENAI_API_KEY": "unused"}
        variables |= {"DUALSTREAM_STORE_PREFIX": "compose", "DUALSTREAM_DRAIN_TIMEOUT": "0"}
        configuration = self._folder / f"{name}.toml"
        text = (COMPOSE / "dualstream.toml").read_text("utf-8").replace('"gpt-4.1"', f'"{MODEL}"\n{PRICE}')
        configuration.write_text(f'{text}\n[providers.openai]\nbase_url = "{upstream}"\n', "utf-8")
        command = [sys.executable, "-m", "gateway", "serve", "--port", "0", "--config", str(configuration)]
        return self._serve(command, r"Dualstream listens on http://(\S+)", variables)

    def nginx(self, gateways: list[str]) -> str:
        """Run nginx in front of gateways; return its address."""
        port = free_port()
        site = self._copy(
            COMPOSE.parent / "nginx" / "dualstream.conf",
            {"listen 80;": f"listen 127.0.0.1:{port};", "/var/log/nginx/": f"{self._folder}/"},
        )
        addresses = {f"172.30.118.1{number}:8080": address for number, address in enumerate(gateways, start=1)}
        paths = {"/etc/nginx/dualstream.conf": str(site), "/run/nginx.pid": f"{self._folder}/nginx.pid"}
        file = self._copy(COMPOSE / "nginx.conf", {**addresses, **paths, "/dev/stderr warn": "stderr notice"})
        binary = program("nginx", "/usr/sbin/nginx")
        options = f"daemon off; {'' if os.geteuid() else 'user root;'}"
        server = self._running([binary, "-e", "stderr", "-c", str(file), "-g", options])
        server.wait_for("start worker process ")
        return f"http://127.0.0.1:{port}"

    def prometheus(self, gateways: list[str]) -> str:
        """Run Prometheus, which scrapes the gateways; return its address."""
        key, port = self._folder / "metrics_key", free_port()
        key.write_text(METRICS_KEY, "utf-8")
        self._copy(COMPOSE.parent / "prometheus" / "alerts.yaml", {})
        targets = {f"gateway{number}:8080": address for number, address in enumerate(gateways, start=1)}
        changes = {**targets, "/run/secrets/metrics_key": str(key), "15s": "1s"}
        file = self._copy(COMPOSE / "prometheus.yaml", changes)
        storage = f"--storage.tsdb.path={self._folder / 'prometheus'}"
        command = [program("prometheus"), f"--config.file={file}", storage, f"--web.listen-address=127.0.0.1:{port}"]
        self._running(command).wait_for("Server is ready to receive web requests")
        return f"http://127.0.0.1:{port}"

    def _copy(self, source: Path, changes: Mapping[str, str]) -> Path:
        text = source.read_text("utf-8")
        for old, new in changes.items():
            assert old in text, old
            text = text.replace(old, new)
        copy = self._folder / source.name
        copy.write_text(text, "utf-8")
        return copy

    def _serve(self, command: list[str], pattern: str, variables: Mapping[str, str]) -> str:
        return self._stack.enter_context(serving(command, pattern, variables)).url

    def _running(self, command: list[str]) -> Server:
        server = Server(command, os.environ)
        self._stack.callback(server.end)
        return server


@contextmanager
def deployed(folder: Path, store: str, upstream: str) -> Iterator[Deployment]:
    """Run all services."""
    with ExitStack() as stack:
        stage = Stage(folder, stack)
        key = stage.keys()
        with ThreadPoolExecutor() as starts:
            names = ["gateway1", "gateway2", "gateway3"]
            gateways = list(starts.map(lambda name: stage.gateway(name, store, upstream), names))
        yield Deployment(stage.nginx(gateways), stage.prometheus(gateways), gateways, key)


@pytest.fixture
def deployment(tmp_path: Path, redis_url: str, simulator: Server) -> Iterator[Deployment]:
    with deployed(tmp_path, redis_url, f"{simulator.url}/v1") as running:
        yield running


def expressions() -> list[tuple[str, str]]:
    """Return the expressions of the dashboard, each with the title of its panel."""
    panels = json.loads((COMPOSE.parent / "grafana" / "dashboards" / "dualstream.json").read_text("utf-8"))["panels"]
    return [
        (panel["title"], target["expr"].replace("$__rate_interval", "15s").replace("$model", ".*"))
        for panel in panels
        for target in panel.get("targets", ())
    ]


async def answer(http: aiohttp.ClientSession, deployment: Deployment) -> str:
    headers = {"Authorization": f"Bearer {deployment.key}"}
    async with http.post(f"{deployment.url}/api/chat/text", json={"prompt": "Hello"}, headers=headers) as response:
        assert response.status == 200, await response.text()
        return await response.text()


async def asked(
    http: aiohttp.ClientSession, deployment: Deployment, path: str, **query: str
) -> dict[str, list[dict[str, Any]]]:
    """Return what Prometheus answers; fail if it can't."""
    async with http.get(f"{deployment.prometheus}/api/v1/{path}", params=query) as response:
        document = await response.json()
    assert document["status"] == "success", (query, document)
    data: dict[str, list[dict[str, Any]]] = document["data"]
    return data


async def empty_panels(http: aiohttp.ClientSession, deployment: Deployment) -> set[str]:
    """Return the panels with an expression that has no value."""
    queries = expressions()
    answers = await asyncio.gather(*(asked(http, deployment, "query", query=query) for _, query in queries))
    return {title for (title, _), answered in zip(queries, answers, strict=True) if not answered["result"]}


async def wait_for_values(http: aiohttp.ClientSession, deployment: Deployment) -> None:
    """Ask for answers until each panel has values; name those that have none, if it takes too long."""
    missing: set[str] = set()
    try:
        async with asyncio.timeout(SECONDS):
            while True:
                assert "event: complete" in await answer(http, deployment)
                missing = await empty_panels(http, deployment) - WITHOUT_AN_EVENT
                if not missing:
                    return
                await asyncio.sleep(0.5)
    except TimeoutError:
        pytest.fail(f"panels without values: {sorted(missing)}")


async def test_three_gateways_answer_and_every_panel_has_values(deployment: Deployment) -> None:
    async with aiohttp.ClientSession() as http:
        await wait_for_values(http, deployment)
        targets = (await asked(http, deployment, "targets"))["activeTargets"]
        assert {target["health"] for target in targets} == {"up"}
        assert {target["labels"]["instance"] for target in targets} == set(deployment.gateways)
        (group,) = (await asked(http, deployment, "rules"))["groups"]
        assert {(rule["health"], rule["state"]) for rule in group["rules"]} == {("ok", "inactive")}
