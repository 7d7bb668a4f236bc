"""The store with which the suites of one gateway run, by the variable DUALSTREAM_TEST_STORE; none by default.

`memory`, or the URL of a Redis: then every gateway of these suites is one of a deployment, although it is alone in it.
Gateways in processes of their own have a store only if it is a Redis.
"""

import os
import secrets

import pytest

from gateway.app.store import build_store
from gateway.clock import SystemClock
from gateway.config import Settings
from gateway.store.base import Store
from gateway.store.memory import MemoryStore
from tests.manual_clock import ManualClock

TEST_STORE = os.environ.get("DUALSTREAM_TEST_STORE", "")


def not_with_a_store(reason: str) -> pytest.MarkDecorator:
    """Return a mark of a test of what only a gateway without a store does."""
    return pytest.mark.skipif(bool(TEST_STORE), reason=reason)


def not_with_redis(reason: str) -> pytest.MarkDecorator:
    """Return a mark of a test of what a Redis decides by its own clock, or at its own time."""
    return pytest.mark.skipif(TEST_STORE not in {"", "memory"}, reason=reason)


def shared_store(clock: ManualClock) -> Store | None:
    """Return a store that is empty; None if the suites run without one."""
    if not TEST_STORE:
        return None
    if TEST_STORE == "memory":
        return MemoryStore(clock)
    return build_store(Settings(store=TEST_STORE, store_prefix=_new_prefix()), SystemClock())


def own_deployment() -> dict[str, str]:
    """Return the variables of a gateway process that is alone on the Redis of the suites; none without a Redis."""
    if TEST_STORE in {"", "memory"}:
        return {}
    return {"DUALSTREAM_STORE": TEST_STORE, "DUALSTREAM_STORE_PREFIX": _new_prefix()}


def _new_prefix() -> str:
    return f"t{secrets.token_hex(6)}"
