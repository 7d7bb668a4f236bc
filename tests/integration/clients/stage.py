"""A gateway in front of a provider that speaks four APIs, and the runs of the drivers."""

import json
import os
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from gateway.security.api_keys import ApiKey, generate_key, hash_secret
from tests.integration import processes
from tests.integration.clients.installation import FOLDER, Installation
from tests.integration.clients.table import PROVIDER_APIS, Driver
from tests.integration.processes import CHECKOUT, Server

DRIVER_SECONDS: Final = 300.0
KEY: Final = generate_key()
"""Key of all clients: each must send it as it sends keys."""
WITHOUT_PROVIDER: Final = ("/models", "/count-tokens", "/embeddings")
"""Scenarios that the gateway may answer by itself."""
_PROVIDER: Final = """\
[providers.{api}]
base_url = "{url}/{version}"
api = "{api}"
key_variable = ""

[models.{model}]
provider = "{api}"
upstream_model = "kit-model"
"""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a driver says of one scenario."""

    scenario: str
    passed: bool
    requests: int
    """Requests that the provider has received."""
    milliseconds: int
    note: str

    @property
    def holds(self) -> bool:
        """Return True if it has passed, and its requests have reached the provider."""
        return self.passed and (self.requests > 0 or self.scenario.endswith(WITHOUT_PROVIDER))

    def __str__(self) -> str:
        state = "ok  " if self.holds else "FAIL"
        return f"{state} {self.scenario} ({self.milliseconds} ms, {self.requests} requests) {self.note}"


@dataclass(frozen=True, slots=True)
class Stage:
    """Where drivers run."""

    installation: Installation
    provider: Server
    gateway: Server
    folder: Path

    def run(self, driver: Driver, api: str, *, only: Sequence[str] = ()) -> list[Verdict]:
        """Run a driver over a provider with this API; return the verdicts on its scenarios."""
        environment = {
            "BASE_URL": self.gateway.url,
            "KEY": KEY.text(),
            "MODEL": model_name(api),
            "JOURNAL": f"{self.provider.url}/__journal",
            "ONLY": ",".join(only),
            "PATH": os.environ["PATH"],
            "HOME": str(self.folder),
        }
        process = subprocess.Popen(
            self._command(driver),
            cwd=CHECKOUT,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        try:
            output, errors = process.communicate(timeout=DRIVER_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            output, errors = process.communicate()
        lines = [line for line in output.splitlines() if line.startswith('{"scenario"')]
        assert lines, f"{driver.name} printed no verdict: {output[-2000:]}{errors[-4000:]}"
        return [Verdict(**json.loads(line)) for line in lines]

    def _command(self, driver: Driver) -> list[str]:
        if driver.is_for_node:
            return [str(self.installation.node), str(self.folder / "drivers" / f"{driver.name}.mjs")]
        return [str(self.installation.python), "-m", f"tests.integration.clients.drivers.{driver.name}"]


def model_name(api: str) -> str:
    """Return the gateway's name of the model of a provider with this API."""
    return f"kit-{api}"


@contextmanager
def stage(installation: Installation, folder: Path, *, requires_key: bool = True) -> Iterator[Stage]:
    """Run a provider and a gateway; `folder` is for files of the run."""
    _copy_node_drivers(installation, folder)
    with provider_process(installation) as provider:
        config = folder / "dualstream.toml"
        config.write_text(configuration(provider.url), "utf-8")
        # Scenarios fail one after the other, and each must reach the provider.
        settings: dict[str, object] = {"rate_limit_per_minute": 0, "breaker_failures": 1000}
        if requires_key:
            settings["keys"] = _stored(KEY)
        with processes.gateway("--config", str(config), **settings) as gateway:
            yield Stage(installation, provider, gateway, folder)


@contextmanager
def provider_process(installation: Installation) -> Iterator[Server]:
    """Run the provider that answers from a script."""
    command = [str(installation.node), str(FOLDER / "provider" / "main.mjs")]
    with processes.serving(command, r"The provider listens on (http://\S+)", {}) as server:
        yield server


def configuration(provider: str) -> str:
    """Return the configuration of a gateway with one model for each API of the provider."""
    tables = [
        _PROVIDER.format(api=api, url=provider, version=version, model=model_name(api))
        for api, version in PROVIDER_APIS.items()
    ]
    return "\n".join(tables)


def _stored(key: ApiKey) -> str:
    """Return a key as a gateway stores it."""
    return f"clients:{key.id}:{hash_secret(key.secret)}"


def _copy_node_drivers(installation: Installation, folder: Path) -> None:
    """Copy the drivers for Node to a folder in which Node finds the installed packages: it looks beside a module."""
    shutil.copytree(FOLDER / "drivers", folder / "drivers", ignore=shutil.ignore_patterns("*.py", "__pycache__"))
    (folder / "node_modules").symlink_to(installation.folder / "node_modules")
