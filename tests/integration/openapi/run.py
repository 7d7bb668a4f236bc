"""A gateway for schemathesis, and schemathesis itself as a process."""

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import orjson

from gateway.protocol.commands import JsonObject
from gateway.security.api_keys import StoredKey, generate_key, hash_secret
from gateway.security.key_file import write_keys
from tests.integration.servers import running
from tests.openapi_document import strict

FOLDER = Path(__file__).parent
MODEL = "sim?ttft=40&speed=0&length=20"
"""The simulator sends everything at once, but late enough for a command to reach a running generation."""


@dataclass(frozen=True, slots=True)
class Gateway:
    """URL of a gateway, and a key for it; None if it requires none."""

    url: str
    key: str | None


@contextmanager
def running_gateway(*, keys: bool) -> Iterator[Gateway]:
    """Run a gateway with the simulator as its upstream; with `keys`, the key has the role that some routes require."""
    with tempfile.TemporaryDirectory() as folder:
        # Without the limit of commands: an invalid request among too many gets 429, whatever is wrong with it.
        environment = {
            "DUALSTREAM_MODEL": MODEL,
            "DUALSTREAM_RETENTION": "30",
            "DUALSTREAM_MAX_COMMANDS_PER_SECOND": "0",
            # Requests are sent one after another: a long poll would hold the others up.
            "DUALSTREAM_POLL_WAIT": "0.05",
        }
        key = generate_key() if keys else None
        if key is not None:
            file = Path(folder) / "keys.toml"
            write_keys(file, [StoredKey("schemathesis", key.id, hash_secret(key.secret), roles=frozenset({"operate"}))])
            environment["DUALSTREAM_KEYS_FILE"] = str(file)
        with running("serve", "--port", "0", environment=environment) as (_, url):
            yield Gateway(url, None if key is None else key.text())


def load_document(gateway: Gateway) -> dict[str, Any]:
    """Return the OpenAPI document that a gateway publishes, made strict."""
    with urlopen(f"{gateway.url}/openapi.json", timeout=10) as response:
        return strict(orjson.loads(response.read()), open_to_all=gateway.key is None)


def run_schemathesis(
    gateway: Gateway, document: JsonObject, *, examples: int, seed: int, seconds: int
) -> subprocess.CompletedProcess[str]:
    """Run schemathesis with a document on the gateway; the process's exit code is 0 if no check failed.

    Raises:
        subprocess.TimeoutExpired: it took longer than `seconds`.
    """
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "openapi.json"
        file.write_bytes(orjson.dumps(document))
        return subprocess.run(
            [
                *(sys.executable, "-m", "schemathesis.cli", "--config-file", str(FOLDER / "schemathesis.toml"), "run"),
                *(str(file), "--url", gateway.url, "--max-examples", str(examples), "--seed", str(seed), "--no-color"),
            ],
            env={
                **os.environ,
                "SCHEMATHESIS_HOOKS": "tests.integration.openapi.checks",
                "DUALSTREAM_TOKEN": gateway.key or "none",
                "PYTHONPATH": os.pathsep.join(sys.path),
            },
            # schemathesis writes files to the current folder.
            cwd=folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=seconds,
            check=False,
        )
