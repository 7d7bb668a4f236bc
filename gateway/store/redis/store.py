"""The roles of the store in Redis, together."""

from functools import partial
from typing import Final

from gateway.clock import Clock, SystemClock
from gateway.store.errors import StoreError
from gateway.store.redis.address import Host, RedisAddress, format_host, parse_address
from gateway.store.redis.budgets import RedisBudgetTotals
from gateway.store.redis.checks import check_node
from gateway.store.redis.client import RedisClient
from gateway.store.redis.cluster import Cluster
from gateway.store.redis.connector import Connector
from gateway.store.redis.keys import Keys
from gateway.store.redis.logs import RedisLogs
from gateway.store.redis.members import RedisMembers
from gateway.store.redis.messages import RedisMessages
from gateway.store.redis.node import Node
from gateway.store.redis.quotas import RedisQuotas
from gateway.store.redis.slots import RedisSlots
from gateway.store.redis.starts import RedisStarts
from gateway.store.redis.streams import RedisStreams
from gateway.store.redis.topology import Sentinels, SingleNode, Topology
from gateway.store.redis.values import RedisValues
from gateway.toml.problems import ConfigurationError

LEASE_PART: Final = 0.24
"""Time limit of an exchange, as a part of the time after which a gateway counts as dead: two fifths of its lease, so
that there is time to renew that once more after a failure."""

CALL_SECONDS: Final = 5.0 * LEASE_PART
"""Default time limit of an exchange, for the default of `owner_timeout`."""


class RedisStore:
    """A store that gateways on any number of machines share.

    `url` has one of the forms in `gateway.store.redis.address`; `password` is used if it has none. All keys begin with
    `prefix`. `timeout` bounds each exchange with a server, in seconds.

    Raises:
        ConfigurationError: `url` or `prefix` is not valid.
    """

    def __init__(
        self,
        url: str,
        *,
        password: str = "",
        prefix: str = "dualstream",
        timeout: float = CALL_SECONDS,
        clock: Clock | None = None,
    ) -> None:
        self.keys = Keys(prefix)
        chosen_clock = clock or SystemClock()
        try:
            address = parse_address(url, password)
        except ValueError as error:
            raise ConfigurationError(f"store {error}") from error
        self._uses_tls = address.tls is not None
        self._topology = _topology(address, chosen_clock, timeout)
        self.client = RedisClient(self._topology)
        self.messages = RedisMessages(self.client, self.keys, chosen_clock)
        bulk_client = RedisClient(self._topology, is_bulk=True)
        self.logs = RedisLogs(self.client, bulk_client, self.keys, self.messages, chosen_clock)
        self.members = RedisMembers(self.client, self.keys, chosen_clock)
        self.values = RedisValues(self.client, self.keys)
        self.quotas = RedisQuotas(self.client, self.keys)
        self.budgets = RedisBudgetTotals(self.client, self.keys)
        self.starts = RedisStarts(self.client, self.keys)
        self.slots = RedisSlots(self.client, self.keys)
        self.streams = RedisStreams(self.client, self.keys)

    async def start(self) -> None:
        """Connect, and check that each server can be used.

        Raises:
            StoreError: one can't be reached.
            ConfigurationError: it can be reached, and not used; the message says what to change.
        """
        try:
            for node in await self._topology.nodes():
                await check_node(node, in_cluster=self._topology.sole_node is None)
        except StoreError as error:
            if error.fault == "refused":
                raise ConfigurationError(f"store: {error.message}") from error
            if error.fault == "timeout" or any(end in error.message for end in ("closed", "reset")):
                # Each side ends the connection, or waits for the rest of what it takes for its own protocol.
                hint = "does not use TLS, use redis://" if self._uses_tls else "expects TLS, use rediss://"
                raise StoreError(error.fault, f"{error.message}; if the port {hint} in `store`") from error
            raise
        if isinstance(self._topology, Cluster) and self._topology.missing_slots:
            missing = self._topology.missing_slots
            message = f"store: {missing} slots of the Redis Cluster have no node: assign them (redis-cli --cluster fix)"
            raise ConfigurationError(message)

    async def close(self) -> None:
        """Close all connections."""
        await self.messages.close()
        await self.client.close()


def _topology(address: RedisAddress, clock: Clock, timeout: float) -> Topology:
    connector = Connector(address, clock)
    make_node = partial(Node, clock=clock, timeout=timeout)

    def node_at(host: Host) -> Node:
        return make_node(format_host(host), partial(connector.open, host))

    if address.topology == "cluster":
        return Cluster(address.hosts, node_at, clock)
    if address.topology == "sentinel":
        sentinels = Sentinels(address, connector, clock, timeout)
        return SingleNode(make_node(str(address), sentinels.open))
    if address.socket_path:
        return SingleNode(make_node(str(address), connector.open_socket))
    return SingleNode(node_at(address.hosts[0]))
