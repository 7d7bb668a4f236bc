"""Gateways of one deployment that are configured differently."""

import pytest

from gateway.replicas.membership.configuration import Configuration, digests_of
from tests.event_loop import settle
from tests.gateway.replicas.deployment import deployment

ALIKE = {"max_concurrent": 50, "models": ["a", "b"]}


def test_equal_settings_have_equal_digests() -> None:
    first, second = Configuration(digests_of(ALIKE)), Configuration(digests_of(dict(reversed(ALIKE.items()))))
    assert first.digest == second.digest
    assert len(first.digest) == 8
    assert first.unlike({"other": second.digest}) == []


def test_each_gateway_that_differs_is_found_once() -> None:
    own = Configuration(digests_of(ALIKE))
    assert own.unlike({"self": own.digest, "b": "x", "a": "y"}) == ["a", "b"]
    assert own.unlike({"self": own.digest, "b": "x", "a": "y", "c": "z"}) == ["c"]


def test_the_log_names_what_differs(caplog: pytest.LogCaptureFixture) -> None:
    own = Configuration(digests_of({**ALIKE, "grace": 60}))
    own.compare("r_other", digests_of({**ALIKE, "max_concurrent": 51, "retention": 300}))
    (record,) = caplog.records
    assert "r_other" in record.getMessage()
    assert "differently: grace, max_concurrent, retention." in record.getMessage()


async def test_both_gateways_log_it(caplog: pytest.LogCaptureFixture) -> None:
    configurations = [digests_of({"max_concurrent": number}) for number in (1, 1, 2)]
    async with deployment(3, digests=configurations) as shared:
        await settle()
        await shared.advance(5)
        found = [record.getMessage().split(" shares")[0] for record in caplog.records if "differently" in record.msg]
        assert sorted(found) == ["gateway gateway-0", "gateway gateway-1", "gateway gateway-2", "gateway gateway-2"]
