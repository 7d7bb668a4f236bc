"""What counts of streams must do."""

from tests.gateway.store.contract.shared import SharedStore


class StreamContract:
    """A subclass provides the fixture `shared`."""

    async def test_each_gateway_sees_the_counts_of_all(self, shared: SharedStore) -> None:
        streams = shared.first.streams
        assert await streams.report("r1", {"a": 2, "b": 1}) == {"a": {"r1": 2}, "b": {"r1": 1}}
        assert await streams.report("r2", {"a": 3}) == {"a": {"r1": 2, "r2": 3}}
        assert await streams.report("r1", {"a": 5, "{c}": 0}) == {"a": {"r1": 5, "r2": 3}, "{c}": {}}

    async def test_no_stream_is_no_count(self, shared: SharedStore) -> None:
        streams = shared.first.streams
        await streams.report("r1", {"a": 2})
        await streams.report("r2", {"a": 1})
        assert await streams.report("r1", {"a": 0}) == {"a": {"r2": 1}}
        assert await streams.report("r2", {"a": 0}) == {"a": {}}
        assert await streams.report("r2", {}) == {}
