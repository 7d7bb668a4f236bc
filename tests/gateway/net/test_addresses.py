"""Addresses of clients, loopback addresses, and networks."""

import pytest

from gateway.net.addresses import MAX_ADDRESS_LENGTH, Networks, client_address, is_loopback_address


@pytest.mark.parametrize(
    ("host", "client"),
    [
        ("203.0.113.7", "203.0.113.7"),
        ("::ffff:203.0.113.7", "203.0.113.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::1", "2001:db8:1:2::/64"),
        ("2001:db8:1:3::1", "2001:db8:1:3::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("::1", "::1"),
        ("127.0.0.1", "127.0.0.1"),
        ("::ffff:127.0.0.1", "127.0.0.1"),
        ("unknown", "unknown"),
        ("", ""),
        ("x" * 1000, "x" * MAX_ADDRESS_LENGTH),
    ],
)
def test_the_address_that_identifies_a_client(host: str, client: str) -> None:
    assert client_address(host) == client


@pytest.mark.parametrize(
    ("address", "is_loopback"),
    [
        *[(loopback, True) for loopback in ("127.0.0.1", "127.8.9.10", "::1", "::ffff:127.0.0.1")],
        *[(other, False) for other in ("10.0.0.1", "::2", "2001:db8::/64", "localhost", "unknown", "")],
    ],
)
def test_loopback_addresses(address: str, is_loopback: bool) -> None:
    assert is_loopback_address(address) is is_loopback


@pytest.mark.parametrize(
    ("networks", "members", "others"),
    [
        (["10.0.0.2"], ["10.0.0.2", "::ffff:10.0.0.2"], ["10.0.0.3", "::ffff:10.0.0.3", ""]),
        (["10.1.2.3/8"], ["10.9.9.9", "::ffff:10.9.9.9"], ["11.0.0.1"]),
        (["::ffff:10.0.0.2"], ["10.0.0.2", "::ffff:10.0.0.2"], ["10.0.0.3"]),
        (["::ffff:10.0.0.0/104"], ["10.9.9.9"], ["11.0.0.1"]),
        (["2001:db8::/32", "::1"], ["2001:db8::1", "::1"], ["2001:db9::1", "127.0.0.1"]),
        (["*"], ["10.0.0.2", "::1", "unknown", ""], []),
        (["10.0.0.2", "*"], ["10.0.0.3"], []),
        ([], [], ["127.0.0.1", "::1", ""]),
    ],
)
def test_networks_contain_addresses_in_every_form(networks: list[str], members: list[str], others: list[str]) -> None:
    found = Networks(networks)
    assert [host for host in members if host not in found] == []
    assert [host for host in others if host in found] == []


def test_networks_are_listed_in_every_form() -> None:
    assert Networks(["10.1.2.3/8", "::1"]).all_forms() == ["10.0.0.0/8", "::ffff:10.0.0.0/104", "::1/128"]
    assert Networks(["10.0.0.1", "*"]).all_forms() == ["*"]
