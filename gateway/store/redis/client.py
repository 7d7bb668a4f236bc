"""Calls to Redis for all roles of the store: pipelines by node, redirections, and errors of the store.

A role builds `ScriptCall`s and `Command`s, and passes as many of them at once as it can: they share one exchange with
each node. Its scripts must be safe to repeat, since after a time-out it is not known whether a call was carried out.
"""

import asyncio
import logging
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Final, TypeAlias

from redis.exceptions import (
    AskError,
    ClusterDownError,
    MasterDownError,
    MovedError,
    NoScriptError,
    ResponseError,
    TryAgainError,
)

from gateway.log_fields import log_fields
from gateway.store.errors import StoreError
from gateway.store.redis.calls import Call, ScriptCall
from gateway.store.redis.connection import Replies
from gateway.store.redis.errors import is_damage, translate
from gateway.store.redis.node import BlockingConnection, Node
from gateway.store.redis.replies import Argument, Reply
from gateway.store.redis.topology import Topology

logger = logging.getLogger(__name__)

MAX_ATTEMPTS: Final = 5
"""Maximum number of times that a call is sent: a slot that moves redirects it."""

Result: TypeAlias = "Reply | StoreError"
"""What became of a call."""


class RedisClient:
    """Runs calls on the nodes of a deployment; one that `is_bulk` those that send or return much."""

    def __init__(self, topology: Topology, *, is_bulk: bool = False) -> None:
        self.topology = topology
        self._is_bulk = is_bulk

    async def call(self, call: Call) -> Reply:
        """Run one call.

        Raises:
            StoreError: it failed. Whether it was carried out is not known after "unreachable" and "timeout".
        """
        (result,) = await self.run([call])
        if isinstance(result, StoreError):
            raise result
        return result

    async def run_all(self, *stages: Sequence[Call]) -> list[Reply]:
        """Run calls so that those of a stage are carried out after those of the stages before it; return all replies.

        On one server that takes one exchange, in a cluster one for each stage.

        Raises:
            StoreError: one of them failed; the others may have been carried out.
        """
        if self.topology.sole_node is None:
            return [reply for stage in stages for reply in checked(await self.run(stage))]
        return checked(await self.run([call for stage in stages for call in stage]))

    async def run(self, calls: Sequence[Call]) -> list[Result]:
        """Run calls; return the reply or the error of each, in their order.

        Those for one node are carried out in order, but not at once: other gateways may come in between.
        """
        results: list[Result] = [None] * len(calls)
        node = self.topology.sole_node
        if node is None or not calls:
            return await self._run_pending(calls, range(len(calls)), results)
        try:
            replies = await (node.bulk if self._is_bulk else node).execute(calls)
        except StoreError as error:
            self.topology.on_failure()
            return [error] * len(calls)
        if not replies.has_errors:
            return replies  # type: ignore[return-value] # none of them is an error
        pending = await self._sort(node, range(len(calls)), replies, calls, results)
        return await self._run_pending(calls, pending, results)

    async def open_apart(self, key: str) -> BlockingConnection:
        """Return a connection of its own to the node of a key, for commands that wait.

        Raises:
            StoreError: it can't be opened.
        """
        try:
            node = await self.topology.node_of(key)
            return await node.open_apart()
        except StoreError:
            self.topology.on_failure()
            raise

    async def close(self) -> None:
        """Close all connections."""
        await self.topology.close()

    async def _run_pending(self, calls: Sequence[Call], pending: Sequence[int], results: list[Result]) -> list[Result]:
        """Run the calls at some indexes, again as long as that may help; set and return the results."""
        for attempt in range(MAX_ATTEMPTS):
            if not pending:
                return results
            if attempt > 1:
                await asyncio.sleep(0.02 * attempt)
            groups = await self._by_node(calls, pending, results)
            runs = [self._run_on(node, indexes, calls, results) for node, indexes in groups.items()]
            pending = sorted(index for again in await asyncio.gather(*runs) for index in again)
        for index in pending:
            results[index] = StoreError("unreachable", "too many redirections by the Redis Cluster")
        return results

    async def _by_node(
        self, calls: Sequence[Call], pending: Sequence[int], results: list[Result]
    ) -> Mapping[Node, Sequence[int]]:
        groups: dict[Node, list[int]] = {}
        for index in pending:
            try:
                node = await self.topology.node_of(calls[index].key)
            except StoreError as error:
                results[index] = error
            else:
                groups.setdefault(node, []).append(index)
        return groups

    async def _run_on(
        self, node: Node, indexes: Sequence[int], calls: Sequence[Call], results: list[Result]
    ) -> Sequence[int]:
        try:
            replies = await (node.bulk if self._is_bulk else node).execute([calls[index] for index in indexes])
        except StoreError as error:
            self.topology.on_failure()
            for index in indexes:
                results[index] = error
            return ()
        return await self._sort(node, indexes, replies, calls, results)

    async def _sort(
        self, node: Node, indexes: Sequence[int], replies: Replies, calls: Sequence[Call], results: list[Result]
    ) -> Sequence[int]:
        """Set the results of calls; return the indexes of those to be run again."""
        again: list[int] = []
        for index, reply in zip(indexes, replies, strict=True):
            if not isinstance(reply, ResponseError):
                results[index] = reply
            elif await self._should_repeat(node, calls[index], reply):
                again.append(index)
            elif isinstance(reply, AskError) and self.topology.sole_node is None:
                results[index] = await self._ask(reply, calls[index])
            else:
                results[index] = translate(reply, node.name)
        return again

    async def _should_repeat(self, node: Node, call: Call, error: ResponseError) -> bool:
        """Return True if a call with this error can succeed now, and prepare that. It was not carried out."""
        match error:
            case NoScriptError():
                node.forget_scripts()
            case MovedError() | TryAgainError() if self.topology.sole_node is None:
                self.topology.on_failure()
            case _ if is_damage(error):
                await self._discard(node, call.keys, error)
            case _:
                if isinstance(error, ClusterDownError | MasterDownError) or translate(error, "").fault == "read_only":
                    # Its connections lead to a server that was the primary.
                    self.topology.on_failure()
                    node.close()
                return False
        return True

    async def _discard(self, node: Node, keys: Sequence[str], error: ResponseError) -> None:
        """Delete what is not ours: the gateways go on as after an eviction, and one key does not stop them all."""
        logger.error(
            "Redis at %s: %s held something else, and was deleted: %s",
            *(node.name, ", ".join(keys), error),
            extra=log_fields("store_keys_deleted", store=node.name, keys=list(keys), reason=str(error)),
        )
        with suppress(StoreError):
            await node.execute_raw(("UNLINK", *keys))

    async def _ask(self, error: AskError, call: Call) -> Result:
        """Run a call on the node that its slot is moving to."""
        node = await self.topology.node_named((error.host, error.port))
        load: list[Sequence[Argument]] = [("SCRIPT", "LOAD", call.script.text)] if isinstance(call, ScriptCall) else []
        try:
            *_, reply = await node.execute_raw(*load, ("ASKING",), call.words)
        except StoreError as failed:
            return failed
        return translate(reply, node.name) if isinstance(reply, ResponseError) else reply


def checked(results: list[Result]) -> list[Reply]:
    """Return the replies.

    Raises:
        StoreError: one of the calls failed.
    """
    # Replies of one pipeline are returned as they came only if none is an error.
    if type(results) is not Replies:
        for result in results:
            if isinstance(result, StoreError):
                raise result
    return results  # type: ignore[return-value]
