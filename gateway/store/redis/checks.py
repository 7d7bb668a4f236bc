"""Checks of a Redis deployment when a gateway starts: what would fail later, in other places."""

import logging
from collections.abc import Mapping
from typing import Final

from redis.exceptions import ResponseError

from gateway.log_fields import log_fields
from gateway.store.errors import StoreError
from gateway.store.redis.errors import translate
from gateway.store.redis.node import Node
from gateway.store.redis.replies import as_text
from gateway.toml.problems import ConfigurationError

logger = logging.getLogger(__name__)

MIN_VERSION: Final = (6, 2)
"""XADD NOMKSTREAM, XTRIM MINID and exclusive ranges: https://redis.io/docs/latest/commands/xadd/ (History)"""


async def check_node(node: Node, *, in_cluster: bool) -> None:
    """Check one server; warn about what may lose data.

    Raises:
        StoreError: it can't be reached, or is not ready.
        ConfigurationError: it can't be used; the message says what to change.
    """
    (reply,) = await node.execute_raw(("INFO",))
    if isinstance(reply, ResponseError):
        raise translate(reply, node.name)
    check_info(node.name, as_text(reply), in_cluster=in_cluster)


def check_info(name: str, text: str, *, in_cluster: bool) -> None:
    """Check what a server tells about itself; see `check_node`. https://redis.io/docs/latest/commands/info/."""
    info = dict(line.split(":", 1) for line in text.splitlines() if ":" in line)
    _check_mode(name, info, in_cluster=in_cluster)
    _check_version(name, info)
    if info.get("role") == "slave":
        message = f"store: Redis at {name} is a replica, which takes no writes: name its primary, or Sentinels"
        raise ConfigurationError(message)
    if info.get("loading", "0") != "0":
        raise StoreError("unreachable", f"Redis at {name} is still loading its data")
    _warn_of_eviction(name, info)


def _check_mode(name: str, info: Mapping[str, str], *, in_cluster: bool) -> None:
    if info.get("redis_mode") == "sentinel":
        message = f"store: {name} is a Sentinel: use redis+sentinel://{name}/SERVICE"
        raise ConfigurationError(message)
    if info.get("cluster_enabled") == "1" and not in_cluster:
        message = f"store: Redis at {name} is a node of a cluster: use redis+cluster://{name}"
        raise ConfigurationError(message)


def _check_version(name: str, info: Mapping[str, str]) -> None:
    """Check the version. Valkey tells in `redis_version` the one of Redis that it is compatible with."""
    version = info.get("redis_version", "")
    numbers = tuple(int(part) for part in version.split(".")[:2] if part.isdigit())
    if numbers < MIN_VERSION:
        message = f"store: Redis at {name} has version {version or 'unknown'}: 6.2 or later is needed (or Valkey)"
        raise ConfigurationError(message)


def _warn_of_eviction(name: str, info: Mapping[str, str]) -> None:
    policy = info.get("maxmemory_policy", "noeviction")
    if policy != "noeviction":
        logger.warning(
            "Redis at %s drops keys when its memory is full (maxmemory-policy %s): running answers may get "
            "lost. Set maxmemory-policy noeviction: then starts are refused, and what runs goes on",
            *(name, policy),
            extra=log_fields("store_evicts", store=name, policy=policy),
        )
