"""A gateway to be examined, and schemathesis as a process that examines it."""

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
from tests.described import strict
from tests.integration.servers import running

FOLDER = Path(__file__).parent
MODEL = "sim?ttft=40&speed=0&length=20"
"""Is done at once when it begins, and begins late enough for a command to find it at work."""


@dataclass(frozen=True, slots=True)
class Gateway:
    """Where it is, and a key for it; None if it asks for none."""

    url: str
    key: str | None


@contextmanager
def described(*, keys: bool) -> Iterator[Gateway]:
    """Run a gateway before the simulator; with keys, its own has the role that all routes need."""
    with tempfile.TemporaryDirectory() as folder:
        environment = {"DUALSTREAM_MODEL": MODEL, "DUALSTREAM_RETENTION": "30"}
        key = generate_key() if keys else None
        if key is not None:
            file = Path(folder) / "keys.toml"
            write_keys(file, [StoredKey("examiner", key.id, hash_secret(key.secret), roles=frozenset({"operate"}))])
            environment["DUALSTREAM_KEYS_FILE"] = str(file)
        with running("serve", "--port", "0", environment=environment) as (_, url):
            yield Gateway(url, None if key is None else key.text())


def published(gateway: Gateway) -> dict[str, Any]:
    """Give the description that a gateway publishes, made strict."""
    with urlopen(f"{gateway.url}/openapi.json", timeout=10) as response:
        return strict(orjson.loads(response.read()), open_to_all=gateway.key is None)


def examine(
    gateway: Gateway, document: JsonObject, *, examples: int, seed: int, seconds: int
) -> subprocess.CompletedProcess[str]:
    """Run schemathesis over a description of the gateway; its exit code is 0 if no check failed.

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
                "SCHEMATHESIS_HOOKS": "tests.integration.described.checks",
                "DUALSTREAM_TOKEN": gateway.key or "none",
                "PYTHONPATH": os.pathsep.join(sys.path),
            },
            # It leaves what it has seen in the current folder.
            cwd=folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=seconds,
            check=False,
        )
