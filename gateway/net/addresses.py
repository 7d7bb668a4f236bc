"""Addresses of clients: which of them are one client's, which this machine's own, which a proxy's. Pure."""

import ipaddress
from collections.abc import Sequence
from functools import lru_cache

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

LONGEST = 64
"""Characters of what stands for an address: a proxy may forward any text as one."""

_MAPPED_BITS = 96


@lru_cache(maxsize=4096)
def client_address(host: str) -> str:
    """Give the address that stands for a client: of IPv6 the network, of which a single client has all addresses."""
    address = _parsed(host)
    if address is None:
        return host[:LONGEST]
    if isinstance(address, ipaddress.IPv4Address) or address.is_loopback:
        return str(address)
    # RFC 6177: nobody is given less.
    return str(ipaddress.IPv6Network((address, 64), strict=False))


@lru_cache(maxsize=4096)
def is_local(address: str) -> bool:
    """Tell whether it is one of this machine's own, by which nobody comes from elsewhere."""
    parsed = _parsed(address)
    return parsed is not None and parsed.is_loopback


def is_loopback(host: str) -> bool:
    """Tell whether what listens on this host, a name or an address, is reached from this machine alone."""
    return host == "localhost" or is_local(host)


class Networks:
    """Networks as they are set, such as `10.0.0.0/8` or `::1`; `*` is all. IPv4 is the same in IPv6's form."""

    def __init__(self, written: Sequence[str] = ()) -> None:
        self._all = "*" in written
        self._networks = [_network(one) for one in written if one != "*"]

    def __contains__(self, host: str) -> bool:
        address = _parsed(host)
        return self._all or (address is not None and any(address in network for network in self._networks))

    def spelled(self) -> list[str]:
        """Spell them in all forms that an address in them may have, for who compares without knowing that."""
        if self._all:
            return ["*"]
        return [form for network in self._networks for form in _forms(network)]


def _parsed(host: str) -> Address | None:
    try:
        address = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return None
    return (address.ipv4_mapped or address) if isinstance(address, ipaddress.IPv6Address) else address


def _network(written: str) -> Network:
    network = ipaddress.ip_network(written, strict=False)
    if isinstance(network, ipaddress.IPv6Network) and network.prefixlen >= _MAPPED_BITS:
        mapped = network.network_address.ipv4_mapped
        if mapped is not None:
            return ipaddress.IPv4Network((mapped, network.prefixlen - _MAPPED_BITS))
    return network


def _forms(network: Network) -> list[str]:
    if isinstance(network, ipaddress.IPv6Network):
        return [str(network)]
    return [str(network), f"::ffff:{network.network_address}/{network.prefixlen + _MAPPED_BITS}"]
