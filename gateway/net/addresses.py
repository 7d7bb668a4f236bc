"""IP addresses: normalization of client addresses, loopback checks, and sets of networks. Pure."""

import ipaddress
from collections.abc import Sequence
from functools import lru_cache

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

MAX_ADDRESS_LENGTH = 64
"""Maximum characters kept of a client's address that is not an IP address: a proxy may forward any text as one."""

_MAPPED_BITS = 96


@lru_cache(maxsize=4096)
def client_address(host: str) -> str:
    """Return the key under which a client is counted: its IPv4 address, or the /64 network of its IPv6 address."""
    address = _parse(host)
    if address is None:
        return host[:MAX_ADDRESS_LENGTH]
    if isinstance(address, ipaddress.IPv4Address) or address.is_loopback:
        return str(address)
    # A single client has at least a /64, and so 2**64 addresses (RFC 6177).
    return str(ipaddress.IPv6Network((address, 64), strict=False))


@lru_cache(maxsize=4096)
def is_loopback_address(address: str) -> bool:
    """Return True if an address is a loopback address, on which only this machine can connect."""
    parsed = _parse(address)
    return parsed is not None and parsed.is_loopback


def is_loopback_host(host: str) -> bool:
    """Return True if a server that listens on this host, a name or an address, is reachable from this machine only."""
    return host == "localhost" or is_loopback_address(host)


class Networks:
    """Set of networks such as `10.0.0.0/8` or `::1`; `*` contains every host. IPv4-mapped IPv6 counts as IPv4."""

    def __init__(self, networks: Sequence[str] = ()) -> None:
        self._all = "*" in networks
        self._networks = [_parse_network(network) for network in networks if network != "*"]

    def __contains__(self, host: str) -> bool:
        address = _parse(host)
        return self._all or (address is not None and any(address in network for network in self._networks))

    def all_forms(self) -> list[str]:
        """Return the networks as text, IPv4 also as IPv4-mapped IPv6, for code that does not know they are equal."""
        if self._all:
            return ["*"]
        return [form for network in self._networks for form in _forms(network)]


def _parse(host: str) -> Address | None:
    try:
        address = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return None
    return (address.ipv4_mapped or address) if isinstance(address, ipaddress.IPv6Address) else address


def _parse_network(text: str) -> Network:
    network = ipaddress.ip_network(text, strict=False)
    if isinstance(network, ipaddress.IPv6Network) and network.prefixlen >= _MAPPED_BITS:
        mapped = network.network_address.ipv4_mapped
        if mapped is not None:
            return ipaddress.IPv4Network((mapped, network.prefixlen - _MAPPED_BITS))
    return network


def _forms(network: Network) -> list[str]:
    if isinstance(network, ipaddress.IPv6Network):
        return [str(network)]
    return [str(network), f"::ffff:{network.network_address}/{network.prefixlen + _MAPPED_BITS}"]
