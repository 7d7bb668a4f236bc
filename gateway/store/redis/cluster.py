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
from gateway.store.redis.connection import NodeReply
from gateway.store.redis.node import Node
from gateway.store.redis.replies import as_int, as_list, as_text

SLOTS: Final = 16384
REFRESH_SECONDS: Final = 0.1
"""Minimum time between two reads of the slots: many calls may find out at once that a slot has moved."""

ASKED_AT_ONCE: Final = 3
"""Number of nodes that are asked at once: one that is gone does not delay the answer."""


class Cluster:
    """The primaries of a cluster. `make_node` makes the node at an address; `seeds` are the addresses to begin with."""

    sole_node = None

    def __init__(self, seeds: Sequence[Host], make_node: Callable[[Host], Node], clock: Clock) -> None:
        self._seeds = seeds
        self._make_node = make_node
        self._clock = clock
        self._nodes: dict[Host, Node] = {}
        self._owners: list[Node | None] = []
        self._is_stale = True
        self._next_refresh = 0.0
        self._refreshing: asyncio.Task[StoreError | None] | None = None

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
        if self._refreshing is not None:
            self._refreshing.cancel()
            await asyncio.gather(self._refreshing, return_exceptions=True)
        for node in self._nodes.values():
            node.close()

    async def _refresh(self) -> None:
        """Read the slots again: once for all callers that wait for it."""
        if self._owners and self._clock.now() < self._next_refresh:
            # They were just read. What is known is used; it may be wrong once more.
            return
        if self._refreshing is None:
            self._refreshing = asyncio.create_task(self._find_slots(), name="read the slots of a Redis Cluster")
        error = await asyncio.shield(self._refreshing)
        if error is not None:
            raise StoreError(error.fault, error.message)

    async def _find_slots(self) -> StoreError | None:
        """Read the slots from some nodes at once, then from others; return why none has answered."""
        self._next_refresh = self._clock.now() + REFRESH_SECONDS
        known = [*self._seeds, *(host for host in self._nodes if host not in self._seeds)]
        random.shuffle(known)
        error: StoreError | None = StoreError("unreachable", "no node of the Redis Cluster is named in `store`")
        try:
            for start in range(0, len(known), ASKED_AT_ONCE):
                error = await self._ask_any(known[start : start + ASKED_AT_ONCE])
                if error is None:
                    break
        finally:
            # Also if that fails in a way of our own: the next callers must not get its result for ever.
            self._refreshing = None
        return error

    async def _ask_any(self, hosts: Sequence[Host]) -> StoreError | None:
        """Use the first answer; return why there is none."""
        asking = [asyncio.create_task(self._ask(host)) for host in hosts]
        error: StoreError | None = None
        try:
            for answer in asyncio.as_completed(asking):
                try:
                    owners = await answer
                except StoreError as failed:
                    # An error that an operator has to correct says more than one that heals.
                    error = failed if error is None or failed.fault == "refused" else error
                else:
                    self._owners, self._is_stale = owners, False
                    await self._drop_unused()
                    return None
        finally:
            for task in asking:
                task.cancel()
            await asyncio.gather(*asking, return_exceptions=True)
        return error

    async def _ask(self, host: Host) -> list[Node | None]:
        node = await self.node_named(host)
        (reply,) = await node.execute_raw(("CLUSTER", "SLOTS"))
        return await self._read(host, reply)

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
                node.close()
