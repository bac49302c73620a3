"""The client against servers that behave, misbehave and disappear."""

import asyncio
import gzip
from collections.abc import AsyncIterator

import pytest

from core.providers.client import ProviderClient, outgoing
from core.rules.readings import Exchange
from core.vocabulary import Result
from tests.core.providers.server import Behaviour, Connection, Server, response, serving

SECRET = "sk-very-secret-key"
HEADERS = {"authorization": f"Bearer {SECRET}", "content-type": "application/json"}
GENEROUS = 30.0
BRIEF = 0.2


@pytest.fixture
async def client() -> AsyncIterator[ProviderClient]:
    client = ProviderClient()
    yield client
    await client.aclose()


async def post(
    client: ProviderClient, server: Server, content: bytes = b"{}", timeout_s: float = GENEROUS
) -> Exchange:
    return await client.post(server.url, HEADERS, content, timeout_s, secret=SECRET)


def replying(raw: bytes) -> Behaviour:
    """Answer every request of a connection with these bytes."""

    async def behave(connection: Connection) -> None:
        while True:
            await connection.request()
            await connection.send(raw)

    return behave


async def test_a_reply_is_kept_verbatim_with_its_headers_in_lower_case(
    client: ProviderClient,
) -> None:
    body = b'{"odd" :  1}\r\n\x00\xff'
    async with serving(replying(response(body, "429 Too Many", "X-RateLimit-Limit: 7"))) as server:
        exchange = await post(client, server, b'{"a":1}')

    assert (exchange.status, exchange.body) == (429, body)
    assert exchange.headers["x-ratelimit-limit"] == "7"
    assert (exchange.failure, exchange.error) == (None, None)
    assert 0 < exchange.latency_s < GENEROUS
    [seen] = server.seen
    assert (seen.line, seen.body) == ("POST /v1/chat/completions HTTP/1.1", b'{"a":1}')
    assert seen.headers["authorization"] == f"Bearer {SECRET}"
    assert seen.headers["accept-encoding"] == "identity"


async def test_a_large_body_goes_out_whole_with_its_length(client: ProviderClient) -> None:
    content = bytes(range(256)) * 4096 * 3
    async with serving(replying(response(b"{}"))) as server:
        exchange = await post(client, server, content)

    assert exchange.status == 200
    assert server.seen[0].body == content
    assert "transfer-encoding" not in server.seen[0].headers


async def test_a_large_body_is_let_go_of_once_it_has_left(client: ProviderClient) -> None:
    gone = asyncio.Event()

    class Watched(bytes):
        """Bytes that tell of their end."""

        def __del__(self) -> None:
            gone.set()

    content = Watched(b"x" * 1_000_000)

    async def answer_later(connection: Connection) -> None:
        await connection.request()
        await asyncio.wait_for(gone.wait(), GENEROUS)
        await connection.send(response(b"{}"))

    async with serving(answer_later) as server:
        body = outgoing(content)
        del content
        exchange = await client.post(server.url, HEADERS, body, GENEROUS, secret=SECRET)

    assert exchange.status == 200
    assert len(server.seen[0].body) == 1_000_000


async def test_one_connection_serves_request_after_request(client: ProviderClient) -> None:
    async with serving(replying(response(b"{}"))) as server:
        for _ in range(3):
            assert (await post(client, server)).status == 200

    assert (server.connections, len(server.seen)) == (1, 3)


async def test_a_chunked_reply_is_put_together(client: ProviderClient) -> None:
    raw = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n"
    async with serving(replying(raw)) as server:
        exchange = await post(client, server)

    assert (exchange.status, exchange.body) == (200, b"abcde")


async def test_a_reply_compressed_unasked_is_decoded(client: ProviderClient) -> None:
    raw = response(gzip.compress(b'{"a":1}'), "200 OK", "Content-Encoding: gzip")
    async with serving(replying(raw)) as server:
        exchange = await post(client, server)

    assert exchange.body == b'{"a":1}'


async def test_a_page_is_a_whole_reply(client: ProviderClient) -> None:
    async with serving(replying(response(b"<html></html>"))) as server:
        exchange = await post(client, server)

    assert (exchange.status, exchange.body) == (200, b"<html></html>")


async def test_a_redirect_is_returned_and_not_followed(client: ProviderClient) -> None:
    raw = response(b"", "307 Temporary Redirect", "Location: /elsewhere")
    async with serving(replying(raw)) as server:
        exchange = await post(client, server)

    assert (exchange.status, exchange.headers["location"]) == (307, "/elsewhere")
    assert len(server.seen) == 1


async def test_cookies_are_not_kept(client: ProviderClient) -> None:
    raw = response(b"{}", "200 OK", "Set-Cookie: id=1; Path=/")
    async with serving(replying(raw)) as server:
        url = server.url.replace("127.0.0.1", "localhost")
        for _ in range(2):
            assert (await client.post(url, HEADERS, b"{}", GENEROUS, secret=SECRET)).status == 200

    assert "cookie" not in server.seen[1].headers


async def disconnect_before_the_reply(connection: Connection) -> None:
    await connection.request()
    connection.reset()


async def disconnect_within_the_headers(connection: Connection) -> None:
    await connection.request()
    await connection.send(b"HTTP/1.1 200 OK\r\nContent-")
    connection.reset()


async def disconnect_after_the_headers(connection: Connection) -> None:
    await connection.request()
    await connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n")
    connection.reset()


async def close_within_the_body(connection: Connection) -> None:
    await connection.request()
    await connection.send(b"HTTP/1.1 200 OK\r\nX-Request-Id: r1\r\nContent-Length: 99\r\n\r\n{}")


async def close_between_chunks(connection: Connection) -> None:
    await connection.request()
    await connection.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n")


async def disconnect_within_the_request(connection: Connection) -> None:
    await connection.head()
    connection.reset()


@pytest.mark.parametrize(
    "behaviour",
    [
        disconnect_before_the_reply,
        disconnect_within_the_headers,
        disconnect_after_the_headers,
        close_within_the_body,
        close_between_chunks,
        disconnect_within_the_request,
    ],
)
async def test_a_broken_connection_is_a_reset_and_nothing_is_sent_again(
    client: ProviderClient, behaviour: Behaviour
) -> None:
    async with serving(behaviour) as server:
        exchange = await post(client, server, b"x" * 3_000_000)

    assert (exchange.failure, exchange.status) == (Result.RESET, None)
    assert exchange.error
    assert server.connections == 1


async def test_what_came_of_a_cut_reply_is_kept(client: ProviderClient) -> None:
    async with serving(close_within_the_body) as server:
        exchange = await post(client, server)

    assert exchange.body == b"{}"
    assert exchange.headers["x-request-id"] == "r1"
    assert exchange.status is None


async def test_nobody_listening_is_a_reset(client: ProviderClient) -> None:
    async with serving(disconnect_before_the_reply) as server:
        pass

    exchange = await post(client, server)

    assert exchange.failure is Result.RESET
    assert "ClientConnectorError" in (exchange.error or "")


async def hang(connection: Connection) -> None:
    await connection.request()
    await connection.server.stop.wait()


async def hang_within_the_body(connection: Connection) -> None:
    await connection.request()
    await connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{}")
    await connection.server.stop.wait()


async def never_read_the_request(connection: Connection) -> None:
    await connection.server.stop.wait()


async def answer_and_never_read_the_request(connection: Connection) -> None:
    await connection.head()
    await connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{}")
    await connection.server.stop.wait()


async def drip(connection: Connection) -> None:
    """Send a byte every 10 ms: no single read waits long enough to time out."""
    await connection.request()
    await connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n")
    while not connection.server.stop.is_set():
        await connection.send(b".")
        await asyncio.sleep(0.01)


@pytest.mark.parametrize(
    "behaviour",
    [hang, hang_within_the_body, never_read_the_request, answer_and_never_read_the_request, drip],
)
async def test_the_timeout_bounds_the_whole_exchange(
    client: ProviderClient, behaviour: Behaviour
) -> None:
    async with serving(behaviour) as server:
        exchange = await post(client, server, b"x" * 20_000_000, timeout_s=BRIEF)

    assert (exchange.failure, exchange.status) == (Result.TIMEOUT, None)
    assert exchange.error == "no whole reply within 0.2 s"
    assert BRIEF <= exchange.latency_s < 10


async def test_a_connection_that_timed_out_is_not_used_again(client: ProviderClient) -> None:
    async def hang_once(connection: Connection) -> None:
        await connection.request()
        if connection.server.connections == 1:
            await connection.server.stop.wait()
        await connection.send(response(b"fresh"))

    async with serving(hang_once) as server:
        first = await post(client, server, timeout_s=BRIEF)
        second = await post(client, server)

    assert (first.failure, second.body) == (Result.TIMEOUT, b"fresh")
    assert server.connections == 2


async def test_a_caller_who_gives_up_is_not_told_of_a_timeout(client: ProviderClient) -> None:
    async with serving(hang) as server:
        call = asyncio.create_task(post(client, server))
        await server.heard.wait()
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call


async def test_a_reply_beyond_the_bound_is_cut_off() -> None:
    client = ProviderClient(max_reply_bytes=1000)
    async with serving(replying(response(b"x" * 300_000))) as server:
        exchange = await post(client, server)
        await client.aclose()

    assert (exchange.failure, exchange.status) == (Result.MALFORMED, None)
    assert exchange.error == "ReplyTooLarge: the reply is larger than 1000 bytes"
    assert len(exchange.body) <= 100_000


async def test_a_small_reply_that_unpacks_beyond_the_bound_is_cut_off() -> None:
    bomb = gzip.compress(b"\0" * 10_000_000)
    client = ProviderClient(max_reply_bytes=100_000)
    async with serving(replying(response(bomb, "200 OK", "Content-Encoding: gzip"))) as server:
        exchange = await post(client, server)
        await client.aclose()

    assert exchange.failure is Result.MALFORMED


@pytest.mark.parametrize(
    "raw",
    [
        b"SSH-2.0-OpenSSH_9.6\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: many\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nabc\r\n",
        response(b"not gzip", "200 OK", "Content-Encoding: gzip"),
        b"HTTP/1.1 200 OK\r\nX: " + b"y" * 20_000 + b"\r\n\r\n",
    ],
)
async def test_a_reply_that_is_not_http_is_malformed(client: ProviderClient, raw: bytes) -> None:
    async with serving(replying(raw)) as server:
        exchange = await post(client, server)

    assert (exchange.failure, exchange.status) == (Result.MALFORMED, None)
    assert exchange.error


async def test_an_idle_connection_that_the_server_closed_is_replaced(
    client: ProviderClient,
) -> None:
    async def once(connection: Connection) -> None:
        await connection.request()
        await connection.send(response(b"{}"))
        connection.writer.close()
        await connection.writer.wait_closed()

    async with serving(once) as server:
        for _ in range(3):
            exchange = await post(client, server)
            assert exchange.status == 200
            await idle_connections_have_closed(client)

    assert server.connections == 3


async def idle_connections_have_closed(client: ProviderClient) -> None:
    """Wait until the loop has told the pool of the closing, which it announces to nobody."""
    assert client._session is not None
    pool = getattr(client._session.connector, "_conns")  # noqa: B009 - private, and untyped this way
    while any(held.is_connected() for connections in pool.values() for held, _ in connections):  # noqa: ASYNC110 - there is no event to wait for
        await asyncio.sleep(0)


async def test_a_request_that_meets_the_closing_is_not_sent_twice(client: ProviderClient) -> None:
    async def answer_once_then_close(connection: Connection) -> None:
        await connection.request()
        await connection.send(response(b"{}"))
        await connection.request()

    async with serving(answer_once_then_close) as server:
        first = await post(client, server)
        second = await post(client, server)

    assert (first.status, second.failure) == (200, Result.RESET)
    assert "ServerDisconnectedError" in (second.error or "")
    assert (server.connections, len(server.seen)) == (1, 2)


async def test_a_secret_that_the_reply_repeats_is_blotted_out(client: ProviderClient) -> None:
    raw = response(f"bad key {SECRET}!".encode(), "401 No", f"X-Key: {SECRET}")
    async with serving(replying(raw)) as server:
        exchange = await post(client, server)

    assert exchange.body == b"bad key ***!"
    assert exchange.headers["x-key"] == "***"
    assert SECRET not in repr(exchange)


@pytest.mark.parametrize("name", ["api-key", "x-api-key", "x-goog-api-key", "x-any-other"])
async def test_whichever_header_carries_the_secret_it_is_blotted_out(
    client: ProviderClient, name: str
) -> None:
    raw = response(f"API key not valid: {SECRET}".encode(), "400 Bad", f"X-Key: {SECRET}")
    async with serving(replying(raw)) as server:
        headers, secret = {name: SECRET}, f" {SECRET}\n"
        exchange = await client.post(server.url, headers, b"{}", GENEROUS, secret=secret)

    assert server.seen[0].headers[name] == SECRET
    assert exchange.body == b"API key not valid: ***"
    assert exchange.headers["x-key"] == "***"


async def test_without_a_secret_nothing_is_blotted_out(client: ProviderClient) -> None:
    async with serving(replying(response(b"Bearer application/json"))) as server:
        exchange = await client.post(server.url, HEADERS, b"{}", GENEROUS, secret=None)

    assert exchange.body == b"Bearer application/json"


async def test_no_log_holds_the_secret(
    client: ProviderClient, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    async with serving(disconnect_after_the_headers) as server:
        await post(client, server)

    assert SECRET not in caplog.text


async def test_a_proxy_of_the_environment_is_used_and_no_proxy_is_heeded(
    client: ProviderClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with serving(replying(response(b"through the proxy"))) as proxy:
        monkeypatch.setenv("HTTP_PROXY", proxy.url.removesuffix("/v1/chat/completions"))
        monkeypatch.setenv("NO_PROXY", "127.0.0.1")
        monkeypatch.delenv("http_proxy", raising=False)
        monkeypatch.delenv("no_proxy", raising=False)
        monkeypatch.delenv("ALL_PROXY", raising=False)
        far = await client.post(
            "http://provider.invalid/v1", HEADERS, b"{}", GENEROUS, secret=SECRET
        )
        async with serving(replying(response(b"directly"))) as server:
            near = await post(client, server)

    assert (far.body, near.body) == (b"through the proxy", b"directly")
    assert proxy.seen[0].line == "POST http://provider.invalid/v1 HTTP/1.1"


async def test_closing_lets_a_later_call_open_anew(client: ProviderClient) -> None:
    await client.aclose()
    async with serving(replying(response(b"{}"))) as server:
        await post(client, server)
        await client.aclose()
        exchange = await post(client, server)

    assert exchange.status == 200
    assert server.connections == 2


async def test_many_calls_share_one_client(client: ProviderClient) -> None:
    arrived = asyncio.Event()

    async def wait_for_all(connection: Connection) -> None:
        await connection.request()
        if len(connection.server.seen) == 150:
            arrived.set()
        await arrived.wait()
        await connection.send(response(b"{}"))

    async with serving(wait_for_all) as server:
        exchanges = await asyncio.gather(*(post(client, server) for _ in range(150)))

    assert {exchange.status for exchange in exchanges} == {200}
