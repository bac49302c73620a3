"""Crowds that ask the same are given one answer; whoever asks alone has one of their own."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from api.crowds import KEPT_S, Crowds
from api.etags import Etags
from api.feeds import CROWD
from api.keyring import Keyring
from core import keys
from core.db import Database, utc_now
from tests.api.parties import Party, invite

MANY = 50


class Desk:
    """An application that counts what it makes, and those who ask it."""

    def __init__(self, database: Database) -> None:
        self.secrets = invite(database, now=utc_now())
        self.keyring = Keyring(database)
        self.made: Counter[str] = Counter()
        self.now = 100.0
        paths = {"/v1/jobs": self.jobs, "/v1/keys": self.jobs, "/v1/tagged": self.tagged}
        odd = {"/v1/stream": self.stream, "/v1/broken": self.broken, "/v1/cookie": self.cookie}
        routes = [Route(at, to, methods=["GET", "POST"]) for at, to in (paths | odd).items()]
        self.app = Starlette(routes=routes)
        self.app.state.keyring = self.keyring
        self.app.add_middleware(Crowds, clock=lambda: self.now)
        self.app.add_middleware(Etags)

    def recognise(self, party: Party) -> str:
        """Let the keyring know a key; return it."""
        secret = self.secrets[party]
        assert secret is not None
        self.keyring.recognise(secret, keys.find, now=utc_now())
        return secret

    async def ask(
        self,
        path: str,
        party: Party = Party.VIEWER,
        method: str = "GET",
        asker: int = 0,
        **headers: str,
    ) -> httpx.Response:
        authorization = {"Authorization": f"Bearer {self.recognise(party)}"}
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        transport = httpx.ASGITransport(
            self.app, raise_app_exceptions=False, client=("127.0.0.1", asker)
        )
        async with httpx.AsyncClient(transport=transport, base_url="http://desk") as client:
            return await client.request(method, path, headers={**authorization, **named})

    async def crowd(
        self, path: str, party: Party = Party.VIEWER, **headers: str
    ) -> list[httpx.Response]:
        self.recognise(party)
        return await asyncio.gather(
            *(self.ask(path, party, asker=asker, **headers) for asker in range(MANY))
        )

    async def jobs(self, request: Request) -> Response:
        self.made[request.url.path] += 1
        number = self.made[request.url.path]
        await asyncio.sleep(0)  # others come meanwhile
        return JSONResponse({"made": number})

    async def tagged(self, request: Request) -> Response:
        request.state.etag = 'W/"what-it-is-made-of"'
        return await self.jobs(request)

    async def stream(self, request: Request) -> Response:
        self.made[request.url.path] += 1

        async def parts() -> AsyncIterator[str]:
            yield "["
            yield "]"

        return StreamingResponse(parts(), media_type="application/json")

    async def broken(self, request: Request) -> Response:
        self.made[request.url.path] += 1
        raise RuntimeError("broken on purpose")

    async def cookie(self, request: Request) -> Response:
        response = await self.jobs(request)
        response.set_cookie("mine", "alone")
        return response


@pytest.fixture
def desk(sqlite_database: Database) -> Desk:
    return Desk(sqlite_database)


async def test_fifty_who_ask_at_once_are_given_what_was_made_for_one_of_them(desk: Desk) -> None:
    answers = await desk.crowd("/v1/jobs")

    assert [answer.status_code for answer in answers] == [200] * MANY
    # The first few were no crowd yet.
    assert desk.made["/v1/jobs"] == CROWD + 1
    assert Counter(a.json()["made"] for a in answers)[CROWD + 1] == MANY - CROWD


@pytest.mark.parametrize("client", [["127.0.0.1", 1], None])
async def test_an_address_may_come_as_a_list_or_not_at_all(
    desk: Desk, client: list[str | int] | None
) -> None:
    authorization = {"Authorization": f"Bearer {desk.recognise(Party.VIEWER)}"}

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await desk.app({**scope, "client": client}, receive, send)

    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://desk") as http:
        asked = await http.get("/v1/jobs", headers=authorization)

    assert asked.json() == {"made": 1}


async def test_whoever_asks_alone_however_often_is_given_the_newest(desk: Desk) -> None:
    for number in range(1, 5 * CROWD):
        desk.now += 0.01
        assert (await desk.ask("/v1/jobs")).json() == {"made": number}


async def test_a_shared_answer_is_made_anew_after_half_a_second(desk: Desk) -> None:
    await desk.crowd("/v1/jobs")
    desk.now += KEPT_S - 0.01
    assert (await desk.ask("/v1/jobs")).json() == {"made": CROWD + 1}
    desk.now += 0.01
    assert (await desk.ask("/v1/jobs")).json() == {"made": CROWD + 2}


async def test_after_a_change_everybody_is_given_the_newest(desk: Desk) -> None:
    await desk.crowd("/v1/jobs")
    changed = (await desk.ask("/v1/jobs", method="POST")).json()

    assert (await desk.ask("/v1/jobs")).json() == {"made": changed["made"] + 1}


async def test_who_has_the_shared_answer_is_not_sent_it_again(desk: Desk) -> None:
    tag = (await desk.crowd("/v1/jobs"))[-1].headers["ETag"]
    assert (await desk.ask("/v1/jobs", If_None_Match=tag)).status_code == 304
    assert desk.made["/v1/jobs"] == CROWD + 1


async def test_the_tag_that_a_route_chose_is_that_of_the_shared_answer(desk: Desk) -> None:
    answers = await desk.crowd("/v1/tagged")
    assert {answer.headers["ETag"] for answer in answers} == {'W/"what-it-is-made-of"'}


@pytest.mark.parametrize("party", [Party.MEMBER, Party.STRANGER, Party.OPERATOR])
async def test_those_who_may_see_something_else_share_nothing(desk: Desk, party: Party) -> None:
    await desk.crowd("/v1/jobs")
    made = desk.made["/v1/jobs"]
    await desk.crowd("/v1/jobs", party)

    assert desk.made["/v1/jobs"] == made + CROWD + 1


async def test_a_key_that_was_revoked_is_given_nothing_that_others_share(desk: Desk) -> None:
    await desk.crowd("/v1/jobs")
    desk.keyring.forget()
    client = httpx.AsyncClient(transport=httpx.ASGITransport(desk.app), base_url="http://desk")
    authorization = {"Authorization": f"Bearer {desk.secrets[Party.VIEWER]}"}

    # It is for the route to turn it away, which this one does not do.
    asked = await client.get("/v1/jobs", headers=authorization)

    assert asked.json() == {"made": CROWD + 2}


@pytest.mark.parametrize("path", ["/v1/stream", "/v1/broken", "/v1/cookie"])
async def test_what_cannot_be_shared_is_made_for_each_and_nobody_waits_for_it(
    desk: Desk, path: str
) -> None:
    async with asyncio.timeout(20):
        await desk.crowd(path)

    assert desk.made[path] == MANY


async def test_a_request_for_a_part_is_its_own(desk: Desk) -> None:
    await desk.crowd("/v1/jobs", Range="bytes=0-1")
    assert desk.made["/v1/jobs"] == MANY
