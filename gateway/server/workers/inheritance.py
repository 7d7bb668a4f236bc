"""What a worker inherits from its supervisor, by the numbers of open files."""

import os
import socket
from collections.abc import Mapping, MutableMapping
from dataclasses import dataclass
from typing import Final

from gateway.server.workers.channel import Channel
from gateway.server.workers.connection_counts import ConnectionCounts

VARIABLE: Final = "_DUALSTREAM_WORKER"
"""Internal environment variable of a worker: the numbers of its sockets, of its counts, and its slot."""


@dataclass(frozen=True, slots=True)
class Inheritance:
    """What a worker inherits. `slot` is its own among the counts. `metrics` leads to the exchange of metrics."""

    listening: socket.socket
    channel: Channel
    metrics: socket.socket
    counts: ConnectionCounts
    slot: int


def is_worker(environment: Mapping[str, str]) -> bool:
    """Return True in a process that a supervisor has started."""
    return VARIABLE in environment


def pass_on(*numbers: int) -> str:
    """Return the value of `VARIABLE` for a process that inherits these files, and its slot."""
    return " ".join(map(str, numbers))


def inherit(environment: MutableMapping[str, str]) -> Inheritance | None:
    """Return what this process inherits as a worker, and remove the variable, so that no process below it does.

    Without the variable, return None: this process is no worker.
    """
    value = environment.pop(VARIABLE, None)
    if value is None:
        return None
    *files, slot = map(int, value.split())
    for file in files:
        os.set_inheritable(file, False)  # noqa: FBT003
    *sockets, memory = files
    listening, channel, metrics = (socket.socket(fileno=file) for file in sockets)
    return Inheritance(listening, Channel(channel), metrics, ConnectionCounts(os.fdopen(memory, "r+b", 0)), slot)
