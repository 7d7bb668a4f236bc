"""Limits per address."""

import pytest

from gateway.admission.limits import AddressLimit


@pytest.mark.parametrize(
    ("max_count", "address", "limit"),
    [
        (None, "203.0.113.1", 5),
        (None, "127.0.0.1", 0),
        (None, "::1", 0),
        (None, "", 5),
        (3, "203.0.113.1", 3),
        (3, "127.0.0.1", 3),
        (0, "203.0.113.1", 0),
    ],
)
def test_the_default_does_not_apply_to_loopback_addresses(max_count: int | None, address: str, limit: int) -> None:
    assert AddressLimit(max_count, 5).limit_for(address) == limit
