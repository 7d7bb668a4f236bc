"""The nodes of a Redis Cluster, and which of them has which hash slots.

https://redis.io/docs/latest/operate/oss_and_stack/reference/cluster-spec/
"""

import asyncio
import random
from collections.abc import Callable, Sequence
from typing import Final

from redis.crc import key_slot
from redis.exceptions import ResponseError

from gateway.clock import Clock
from gateway.store.errors import StoreError
from gateway.store.redis.address import Host
from gateway.store.redis.node import Node, NodeReply
from gateway.store.redis.replies import as_int, as_list, as_text

SLOTS: Final = 16384
REFRESH_SECONDS: Final = 0.1
"""Minimum time between two reads of the slots: many calls may find out at once that a slot has moved."""


class Cluster:
    """The primaries of a cluster. `make_node` makes the node at an address; `seeds` are the addresses to begin with."""

    is_cluster = True

    def __init__(self, seeds: Sequence[Host], make_node: Callable[[Host], Node], clock: Clock) -> None:
        self._seeds = seeds
        self._make_node = make_node
        self._clock = clock
        self._nodes: dict[Host, Node] = {}
        self._owners: list[Node | None] = []
        self._is_stale = True
        self._next_refresh = 0.0
        self._refreshing = asyncio.Lock()

    async def node_of(self, key: str, /) -> Node:
        """Return the primary that has a key.

        Raises:
            StoreError: no node can be asked, or none has the slot.
        """
        if self._is_stale:
            await self._refresh()
        slot = int(key_slot(key.encode()))
        node = self._owners[slot] if self._owners else None
        if node is None:
            self._is_stale = True
            message = f"no node of the Redis Cluster serves slot {slot}: assign it (redis-cli --cluster fix)"
            raise StoreError("unreachable", message)
        return node

    async def nodes(self) -> Sequence[Node]:
        """Return all primaries.

        Raises:
            StoreError: no node can be asked.
        """
        if self._is_stale:
            await self._refresh()
        return list(dict.fromkeys(node for node in self._owners if node is not None))

    @property
    def missing_slots(self) -> int:
        """Return how many slots no node serves."""
        return self._owners.count(None)

    def on_failure(self) -> None:
        """Read the slots again before the next call."""
        self._is_stale = True

    async def node_named(self, host: Host, /) -> Node:
        """Return the node at an address."""
        if host not in self._nodes:
            self._nodes[host] = self._make_node(host)
        return self._nodes[host]

    async def close(self) -> None:
        """Close all connections."""
        for node in self._nodes.values():
            await node.close()

    async def _refresh(self) -> None:
        async with self._refreshing:
            if not self._is_stale or (self._owners and self._clock.now() < self._next_refresh):
                # Another caller has just refreshed them. What is known is used; it may be wrong once more.
                return
            self._next_refresh = self._clock.now() + REFRESH_SECONDS
            error: StoreError | None = None
            known = [host for host in self._nodes if host not in self._seeds]
            for host in random.sample([*self._seeds, *known], len(self._seeds) + len(known)):
                try:
                    await self._ask(host)
                except StoreError as failed:
                    # An error that an operator has to correct says more than one that heals.
                    error = failed if error is None or failed.fault == "refused" else error
                    continue
                return
            raise error or StoreError("unreachable", "no node of the Redis Cluster is named in `store`")

    async def _ask(self, host: Host) -> None:
        node = await self.node_named(host)
        (reply,) = await node.execute_raw(("CLUSTER", "SLOTS"))
        owners = await self._read(host, reply)
        self._owners, self._is_stale = owners, False
        await self._drop_unused()

    async def _read(self, host: Host, reply: NodeReply) -> list[Node | None]:
        if isinstance(reply, ResponseError):
            if "cluster support disabled" in str(reply):
                raise StoreError("refused", f"Redis at {host[0]}:{host[1]} is no cluster: use redis:// in `store`")
            raise StoreError("refused", f"Redis at {host[0]}:{host[1]} does not tell its slots: {reply}")
        owners: list[Node | None] = [None] * SLOTS
        for entry in as_list(reply):
            first, last, primary = as_list(entry)[:3]
            name, port = as_list(primary)[:2]
            # An empty name is that of the node that was asked.
            address = (as_text(name) if name else host[0], as_int(port))
            begin, end = as_int(first), as_int(last) + 1
            owners[begin:end] = [await self.node_named(address)] * (end - begin)
        return owners

    async def _drop_unused(self) -> None:
        used = {node for node in self._owners if node is not None}
        for host, node in tuple(self._nodes.items()):
            if node not in used and host not in self._seeds:
                del self._nodes[host]
                await node.close()
