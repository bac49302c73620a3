"""A client that keeps to public addresses, against servers that are not."""

from ipaddress import IPv4Network
from urllib.parse import urlsplit

import pytest

from core.providers.client import ProviderClient, ProviderClients
from core.rules.addresses import LOOPBACK, Network
from core.rules.readings import Exchange
from core.vocabulary import Result
from tests.core.providers.server import Server, response, serving
from tests.core.providers.test_client import replying

OK = replying(response(b"{}", "200 OK"))


async def call(server: Server, host: str, private: tuple[Network, ...]) -> Exchange:
    client = ProviderClient(private=private)
    url = f"http://{host}:{urlsplit(server.url).port}/v1"
    try:
        return await client.post(url, {}, b"{}", 10.0, secret=None)
    finally:
        await client.aclose()


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "localhost", "127.1", "2130706433", "0x7f000001", "[::ffff:127.0.0.1]"]
)
@pytest.mark.parametrize("private", [(), (IPv4Network("10.0.0.0/8"),)])
async def test_a_private_address_is_not_connected_to_by_number_or_by_name(
    host: str, private: tuple[Network, ...]
) -> None:
    async with serving(OK) as server:
        exchange = await call(server, host, private)

    assert server.seen == []
    assert (exchange.status, exchange.failure) == (None, Result.RESET)
    # Other ways to write a number are refused before anything is looked up.
    words = ("GERBENCH_PRIVATE_MODELS", "not a canonical IPv4 address")
    assert any(each in (exchange.error or "") for each in words)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
async def test_a_network_that_is_allowed_is_connected_to(host: str) -> None:
    async with serving(OK) as server:
        exchange = await call(server, host, LOOPBACK)

    assert exchange.status == 200


async def test_only_what_an_operator_declared_is_called_wherever_it_is(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("NO_PROXY", "*")
    clients = ProviderClients(private=())
    async with serving(OK) as server:
        statuses = [
            (
                await clients.of(server.url, trusted=trusted).post(
                    server.url, {}, b"{}", 10.0, secret=None
                )
            ).status
            for trusted in (True, False, True)
        ]
    await clients.aclose()

    assert statuses == [200, None, 200]
    assert len(server.seen) == 2
