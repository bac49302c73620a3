"""Which addresses are public, however they are written."""

from ipaddress import IPv4Address, IPv4Network, IPv6Address, ip_address

import pytest
from hypothesis import given
from hypothesis.strategies import ip_addresses

from core.rules.addresses import LOOPBACK, carried, literal, permitted

PRIVATE = [
    "127.0.0.1",
    "127.255.255.254",
    "10.1.2.3",
    "172.16.0.1",
    "192.168.1.1",
    "169.254.169.254",
    "100.64.0.1",
    "0.0.0.0",  # noqa: S104 - nothing is bound to it
    "255.255.255.255",
    "224.0.0.1",
    "192.0.2.1",
    "198.18.0.1",
    "::",
    "::1",
    "fe80::1",
    "fc00::1",
    "fd00:ec2::254",
    "ff02::1",
    "ff0e::1",
    "2001:db8::1",
    "::ffff:127.0.0.1",
    "::ffff:10.0.0.1",
    "::127.0.0.1",
    "64:ff9b::7f00:1",
    "64:ff9b::169.254.169.254",
    "2002:7f00:1::",
    "2002:a9fe:a9fe::1",
]
PUBLIC = ["1.1.1.1", "8.8.8.8", "2606:4700::1111", "64:ff9b::8.8.8.8", "::ffff:8.8.8.8"]


@pytest.mark.parametrize("address", PRIVATE)
def test_what_is_not_on_the_public_internet_is_refused(address: str) -> None:
    assert not permitted(ip_address(address), ())


@pytest.mark.parametrize("address", PUBLIC)
def test_a_public_address_is_permitted(address: str) -> None:
    assert permitted(ip_address(address), ())


@pytest.mark.parametrize("address", ["127.0.0.1", "::1", "::ffff:127.0.0.1", "64:ff9b::7f00:1"])
def test_a_network_that_is_allowed_is_permitted_in_every_form(address: str) -> None:
    assert permitted(ip_address(address), LOOPBACK)
    assert not permitted(ip_address(address), [IPv4Network("10.0.0.0/8")])


@given(ip_addresses(v=4))
def test_an_ipv4_address_is_judged_alike_in_each_ipv6_that_carries_it(address: IPv4Address) -> None:
    for network in ("64:ff9b::", "::ffff:0:0"):
        inside = IPv6Address(int(IPv6Address(network)) + int(address))

        assert carried(inside) == address
        assert permitted(inside, ()) == permitted(address, ())


@pytest.mark.parametrize(
    ("host", "address"),
    [
        ("127.0.0.1", "127.0.0.1"),
        ("[::1]", "::1"),
        ("fe80::1%eth0", "fe80::1"),
        ("localhost", None),
        ("127.1", None),
        ("", None),
        ("api.openai.com", None),
    ],
)
def test_a_host_is_an_address_or_a_name(host: str, address: str | None) -> None:
    assert literal(host) == (None if address is None else ip_address(address))
