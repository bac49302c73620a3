"""Which addresses may be called for somebody who does not run this installation."""

from collections.abc import Iterable
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

LOOPBACK: tuple[Network, ...] = (IPv4Network("127.0.0.0/8"), IPv6Network("::1/128"))
CARRYING = (IPv6Network("64:ff9b::/96"), IPv6Network("::/96"))
"""IPv6 networks whose last 32 bits are an IPv4 address: NAT64 (RFC 6052), IPv4-compatible."""


def literal(host: str) -> Address | None:
    """Return the address that a URL's host is; None for a name."""
    try:
        return ip_address(host.strip("[]").partition("%")[0])
    except ValueError:
        return None


def carried(address: Address) -> Address:
    """Return the IPv4 address that an IPv6 address stands for, else the address itself."""
    if isinstance(address, IPv4Address):
        return address
    for inner in (address.ipv4_mapped, address.sixtofour):
        if inner is not None:
            return inner
    if address.teredo is not None:
        return address.teredo[1]
    if address.packed[:15] != bytes(15) and any(address in network for network in CARRYING):
        return IPv4Address(address.packed[-4:])
    return address


def permitted(address: Address, private: Iterable[Network]) -> bool:
    """Tell whether an address is of the public internet, or in one of the private networks given.

    What is neither is this machine, its neighbours, or what a cloud tells its machines.
    """
    inner = carried(address)
    if inner.is_global and not inner.is_multicast:
        return True
    return any(inner in network for network in private)
