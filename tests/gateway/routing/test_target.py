"""The calls that a target admits."""

import pytest

from gateway.protocol.errors import Code, Failed
from gateway.routing.model import Model
from gateway.routing.route import Route
from gateway.routing.target import Target
from tests.scripted_upstream import ScriptedUpstream


def test_a_full_target_admits_no_call_until_one_is_released() -> None:
    full, free = Target(ScriptedUpstream(), max_concurrent=1), Target(ScriptedUpstream())
    route = Route(Model("m", [full, free]), 0.0)
    assert not full.admit(0.0)
    assert route.first_target(0.0) is free
    with pytest.raises(Failed, match="All 1 calls") as failed:
        full.admit(0.0)
    assert (failed.value.code, failed.value.retry_after_ms) == (Code.RATE_LIMIT, None)
    full.release()
    assert route.first_target(0.0) is full
