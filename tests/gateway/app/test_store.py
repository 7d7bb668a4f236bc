"""The shared store of a configuration."""

from gateway.app.store import build_replica, build_store
from gateway.config import Settings
from gateway.replicas.membership.configuration import Digests
from gateway.replicas.policy import ReplicaPolicy
from gateway.store.memory import MemoryStore
from tests.gateway.pipeline.one_target import one_target
from tests.manual_clock import ManualClock


async def test_generations_in_memory_need_no_store() -> None:
    async with one_target() as harness:
        assert build_store(Settings(), harness.clock) is None
        assert build_replica(Settings(), None, harness.hub, harness.clock) is None


async def test_the_settings_are_the_policy_of_a_gateway_with_a_store() -> None:
    async with one_target() as harness:
        settings = Settings(owner_timeout=8, store_delay=0.3, on_owner_lost="continue", store_down="local")
        replica = build_replica(settings, MemoryStore(ManualClock()), harness.hub, harness.clock)
        assert replica is not None
        assert replica.policy == ReplicaPolicy(8, 0.3, "continue", "local")


async def test_gateways_compare_what_must_agree_and_nothing_secret() -> None:
    async with one_target() as harness:
        store = MemoryStore(ManualClock())

        def digests(**changes: object) -> Digests:
            settings = Settings.model_validate({"store_password": "secret", "model": ("m",), **changes})
            replica = build_replica(settings, store, harness.hub, harness.clock)
            assert replica is not None
            return replica.configuration.digests

        common = digests()
        assert {"version", "models", "max_concurrent", "retention", "owner_timeout"} < common.keys()
        assert not {"store_password", "keys", "upstream_api_key", "host", "port"} & common.keys()
        for name, value in (("max_concurrent", 3), ("retention", 1.0)):
            changed = digests(**{name: value})
            assert [key for key in common if common[key] != changed[key]] == [name]
        assert digests(model=("other",))["models"] != common["models"]
