"""A gateway in front of a provider that speaks four APIs, and the runs of the drivers."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from gateway.admission.limits import NO_PRINCIPAL_LIMITS, PrincipalLimits
from gateway.security.api_keys import ApiKey, StoredKey, generate_key, hash_secret
from gateway.security.key_file import write_keys
from tests.integration import processes
from tests.integration.clients.installation import FOLDER, Installation
from tests.integration.clients.table import PROVIDER_APIS, Driver
from tests.integration.npm import node22, npm_set
from tests.integration.processes import CHECKOUT, Server
from tests.integration.pypi import pypi_set

DRIVER_SECONDS: Final = 300.0
ONE: Final = PrincipalLimits(rate_limit_per_minute=1, rate_limit_burst=1)
KEY: Final = generate_key()
"""Key of all clients: each must send it as it sends keys."""
OTHER_KEY: Final = generate_key()
"""Key of another principal."""
LIMITED_KEY: Final = generate_key()
"""Key of a principal that may start one generation per minute."""
UI_HEARTBEAT: Final = 2
"""Heartbeat of the gateway for chat UIs and plain readers, in seconds: httpx gives up after 5 s without a byte."""
WITHOUT_PROVIDER: Final = (
    "/models",
    "/count-tokens",
    "/embeddings",
    "/refused",
    "/limited",
    "/nothing",
    "/capabilities",
)
"""Scenarios that the gateway may answer by itself."""
FAILOVER_MODEL: Final = "kit-failover"
"""A model whose first upstream breaks in the middle of each answer."""
QUEUED_MODEL: Final = "kit-queued"
"""A model that answers one request at a time."""
_PROVIDER: Final = """\
[providers.{api}]
base_url = "{url}/{version}"
api = "{api}"
key_variable = ""

[models.{model}]
provider = "{api}"
upstream_model = "kit-model"
"""
_SPECIAL_MODELS: Final = f"""\
[providers.breaking]
base_url = "{{url}}/breaking/v1"
key_variable = ""

[models.{FAILOVER_MODEL}]
failover = true

[[models.{FAILOVER_MODEL}.upstreams]]
provider = "breaking"
upstream_model = "kit-model"

[[models.{FAILOVER_MODEL}.upstreams]]
provider = "openai"
upstream_model = "kit-model"

[models.{QUEUED_MODEL}]
provider = "openai"
upstream_model = "kit-model"
max_concurrent = 1
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
            "OTHER_KEY": OTHER_KEY.text(),
            "LIMITED_KEY": LIMITED_KEY.text(),
            "MODEL": model_name(api),
            "FAILOVER_MODEL": FAILOVER_MODEL,
            "QUEUED_MODEL": QUEUED_MODEL,
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
        module = f"tests.integration.clients.drivers.{driver.name}"
        if driver.is_for_browser:
            return [sys.executable, "-m", module]
        if not driver.is_for_node:
            return [str(pypi_set(driver.packages) if driver.packages else self.installation.python), "-m", module]
        packages = npm_set(driver.packages).folder if driver.packages else self.installation.folder
        return [node22(), str(_node_driver(driver, self.folder, packages))]


def model_name(api: str) -> str:
    """Return the gateway's name of the model of a provider with this API."""
    return f"kit-{api}"


@contextmanager
def stage(
    installation: Installation, folder: Path, *, requires_key: bool = True, heartbeat: int = 15
) -> Iterator[Stage]:
    """Run a provider and a gateway; `folder` is for files of the run."""
    with provider_process() as provider:
        config = folder / "dualstream.toml"
        config.write_text(configuration(provider.url), "utf-8")
        # Scenarios fail one after the other, and each must reach the provider.
        settings: dict[str, object] = {
            "rate_limit_per_minute": 0,
            "breaker_failures": 1000,
            "heartbeat": heartbeat,
        }
        if requires_key:
            file = folder / "dualstream.keys.toml"
            write_keys(
                file, [_stored(KEY, "clients"), _stored(OTHER_KEY, "other"), _stored(LIMITED_KEY, "limited", ONE)]
            )
            settings["keys_file"] = file
        with processes.gateway("--config", str(config), **settings) as gateway:
            yield Stage(installation, provider, gateway, folder)


@contextmanager
def provider_process() -> Iterator[Server]:
    """Run the provider that answers from a script."""
    command = [node22(), str(FOLDER / "provider" / "main.mjs")]
    with processes.serving(command, r"The provider listens on (http://\S+)", {}) as server:
        yield server


def configuration(provider: str) -> str:
    """Return the configuration of a gateway with one model for each API of the provider."""
    tables = [
        _PROVIDER.format(api=api, url=provider, version=version, model=model_name(api))
        for api, version in PROVIDER_APIS.items()
    ]
    return "\n".join([*tables, _SPECIAL_MODELS.format(url=provider)])


def _stored(key: ApiKey, name: str, limits: PrincipalLimits = NO_PRINCIPAL_LIMITS) -> StoredKey:
    """Return a key as a gateway stores it."""
    return StoredKey(name, key.id, hash_secret(key.secret), limits=limits)


def _node_driver(driver: Driver, folder: Path, packages: Path) -> Path:
    """Return a driver, copied to a folder in which Node finds its packages: it looks beside a module."""
    copied = folder / (driver.packages or "clients")
    if not copied.exists():
        shutil.copytree(FOLDER / "drivers", copied / "drivers", ignore=shutil.ignore_patterns("*.py", "__pycache__"))
        (copied / "node_modules").symlink_to(packages / "node_modules")
    return copied / "drivers" / f"{driver.name}.mjs"
