"""Which server has a key: the only one, or the primary that Sentinels name. A cluster is in `cluster`."""

import random
from collections.abc import Sequence
from typing import Protocol

from gateway.clock import Clock, time_limit
from gateway.store.errors import StoreError
from gateway.store.redis.address import Host, RedisAddress, format_host
from gateway.store.redis.connection import RedisConnection
from gateway.store.redis.connector import Connector
from gateway.store.redis.node import Node
from gateway.store.redis.replies import as_int, as_text


class Topology(Protocol):
    """The nodes of a deployment."""

    @property
    def sole_node(self) -> Node | None:
        """Return the node that has all keys; None in a cluster."""
        ...

    async def node_of(self, key: str, /) -> Node:
        """Return the node that has a key.

        Raises:
            StoreError: it is not known, and can't be found out.
        """
        ...

    async def nodes(self) -> Sequence[Node]:
        """Return all nodes that take writes.

        Raises:
            StoreError: they are not known, and can't be found out.
        """
        ...

    def on_failure(self) -> None:
        """Find the nodes again: one has failed, or a slot is elsewhere."""
        ...

    async def node_named(self, host: Host, /) -> Node:
        """Return the node at an address."""
        ...

    async def close(self) -> None:
        """Close all connections."""
        ...


class SingleNode:
    """One server, or the one that is the primary now."""

    def __init__(self, node: Node) -> None:
        self.sole_node = node

    async def node_of(self, _key: str, /) -> Node:
        """Return the node."""
        return self.sole_node

    async def nodes(self) -> Sequence[Node]:
        """Return the node."""
        return (self.sole_node,)

    def on_failure(self) -> None:
        """Do nothing: each connection is opened to the server that is the primary then."""

    async def node_named(self, _host: Host, /) -> Node:
        """Return the node."""
        return self.sole_node

    async def close(self) -> None:
        """Close all connections."""
        self.sole_node.close()


class Sentinels:
    """Opens connections to the primary of a service.

    https://redis.io/docs/latest/develop/reference/sentinel-clients/
    """

    def __init__(self, address: RedisAddress, connector: Connector, clock: Clock, timeout: float) -> None:
        self._address = address
        self._connector = connector
        self._clock = clock
        # A third of the time of the call, so that a Sentinel that is gone leaves time for the next ones.
        self._timeout = timeout / 3
        self._hosts = list(address.hosts)
        random.shuffle(self._hosts)

    async def open(self) -> RedisConnection:
        """Return a connection to the primary.

        Raises:
            StoreError: no Sentinel knows one, or it can't be reached.
        """
        error: StoreError | None = None
        for sentinel in tuple(self._hosts):
            try:
                primary = await self._ask(sentinel)
            except StoreError as failed:
                # An error that an operator has to correct says more than one that heals.
                error = failed if error is None or failed.fault == "refused" else error
                continue
            # The one that has answered is asked first from now on.
            self._hosts.remove(sentinel)
            self._hosts.insert(0, sentinel)
            return await self._open_primary(primary, sentinel)
        raise error or StoreError("unreachable", "no Sentinel is named in `store`")

    async def _open_primary(self, primary: Host, sentinel: Host) -> RedisConnection:
        connection = await self._connector.open(primary)
        (role,) = await connection.exchange([("ROLE",)])
        if isinstance(role, list) and role and role[0] != b"master":
            # A Sentinel may not have noticed a failover yet.
            connection.close()
            where, source = format_host(primary), format_host(sentinel)
            raise StoreError("read_only", f"Redis at {where} is a replica now; the Sentinel at {source} still names it")
        return connection

    async def _ask(self, sentinel: Host) -> Host:
        where = format_host(sentinel)
        try:
            async with time_limit(self._timeout, self._clock):
                connection = await self._connector.open_sentinel(sentinel)
                asked = ("SENTINEL", "GET-MASTER-ADDR-BY-NAME", self._address.service)
                (reply,) = await connection.exchange([asked])
                connection.close()
        except TimeoutError as error:
            raise StoreError("timeout", f"the Sentinel at {where} did not answer in time") from error
        if isinstance(reply, list) and len(reply) == 2:
            return as_text(reply[0]), as_int(reply[1])
        if reply is None:
            service = self._address.service
            message = f'the Sentinel at {where} knows no service "{service}": correct the name at the end of the URL'
            raise StoreError("refused", message)
        raise StoreError("refused", f"{where} is no Sentinel: use redis://, or the port of a Sentinel (26379)")
