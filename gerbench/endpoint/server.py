"""The application: its routes, and the way of a request through them."""

import asyncio
import hashlib
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, TypeVar
from uuid import uuid4

import orjson
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from gerbench.endpoint import faults, refusals, tokens, wire
from gerbench.endpoint.answering import answer
from gerbench.endpoint.batch_routes import batch_routes
from gerbench.endpoint.batches import Batches
from gerbench.endpoint.draws import Draw
from gerbench.endpoint.files import Files
from gerbench.endpoint.log import RequestLog, digest_of
from gerbench.endpoint.options import EndpointOptions
from gerbench.endpoint.prompts import Ask, read
from gerbench.endpoint.refusals import Spoken
from gerbench.endpoint.throttle import Account, Admission, Throttle
from gerbench.endpoint.wire import WireError

MODEL = "fer"
THREADS = 2
MEGABYTE = 1_000_000

T = TypeVar("T")


@dataclass
class Call:
    """One request on its way, and what the log will say of it."""

    key: str
    facts: dict[str, Any]
    ask: Ask | None = None


@dataclass(frozen=True)
class Admitted:
    """A call that was let in."""

    call: Call
    ask: Ask
    draw: Draw
    admission: Admission


class Endpoint:
    """The endpoint's state: options, limits, log, and how often each body was seen."""

    def __init__(self, options: EndpointOptions) -> None:
        self.options = options
        self.log = RequestLog(options.log)
        self._throttle = Throttle(options)
        self._tries: Counter[str] = Counter()
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="network")
        self._files = Files()
        self._batches = Batches(options, self._files, self._line)

    def app(self) -> Starlette:
        """Return the ASGI application."""
        return Starlette(
            routes=[
                Route("/v1/chat/completions", self.chat, methods=["POST"]),
                Route("/v1/models", self.models),
                Route("/log", self.requests),
                Route("/health", self.health),
                *batch_routes(self.options, self._files, self._batches, self._enter),
            ]
        )

    def close(self) -> None:
        """Let go of threads and the log's file."""
        self._threads.shutdown()
        self.log.close()
        self._files.close()

    async def health(self, _: Request) -> Response:
        """Say that the process lives."""
        return JSONResponse({"status": "ok"})

    async def requests(self, _: Request) -> Response:
        """Return the request log as JSON lines."""
        return Response(self.log.lines(), media_type="application/x-ndjson")

    async def models(self, request: Request) -> Response:
        """List the one model. Chat requests may call it by any name."""
        try:
            self._authorize(bearer(request))
        except WireError as error:
            return error.response({})
        model = {"id": MODEL, "object": "model", "created": 0, "owned_by": "gerbench"}
        return JSONResponse({"object": "list", "data": [model]})

    async def chat(self, request: Request) -> Response:
        """Serve one chat request, and log it before the reply leaves."""
        key = bearer(request)
        call = Call(key or "anonymous", {"key": key and digest_of(key)[-4:]})
        started = time.monotonic()
        try:
            self._authorize(key)
            response = await self._serve(request, call)
        except WireError as error:
            response = error.response(self._throttle.headers(call.key, time.monotonic()))
            self._note(call, status=error.status, result=error.result)
        spent = round((time.monotonic() - started) * 1000)
        response.headers["openai-processing-ms"] = str(spent)
        response.headers["openai-version"] = "2020-10-01"
        response.headers["x-request-id"] = f"req_{uuid4().hex}"
        return response

    async def _serve(self, request: Request, call: Call) -> Response:
        ask = await self._read(await self._body(request), call)
        admission = self._throttle.admit(
            call.key,
            model=ask.model,
            tokens=call.facts["prompt_tokens"] + (ask.max_tokens or 0),
            now=time.monotonic(),
        )
        try:
            return await self._reply(request, self._admitted(call, ask, admission))
        finally:
            self._throttle.leave(admission)

    async def _line(self, body: bytes, batch: str, key: str | None) -> tuple[int | None, Any]:
        """Answer a line of a batch: its status and JSON, or None for one that ends without.

        Batches take no room under the limits.
        """
        call = Call(key or "anonymous", {"key": key and digest_of(key)[-4:], "batch": batch})
        try:
            ask = await self._read(body, call)
            admitted = self._admitted(call, ask, Admission(Account({})))
            fault = faults.fault_of(admitted.draw, self.options)
            if fault is not None:
                status = faults.STATUS_OF.get(fault) or None
                self._note(call, status=status, result=fault)
                return faults.in_batch(fault)
            response = await self._answered(admitted, None)
        except WireError as error:
            self._note(call, status=error.status, result=error.result)
            return error.status, {"error": error.error}
        return response.status_code, orjson.loads(response.body)

    async def _read(self, body: bytes, call: Call) -> Ask:
        """Return what a body asks, and note it."""
        call.facts["body"] = hashlib.sha256(body).hexdigest()
        ask, call.facts["prompt_tokens"] = await self._off_loop(lambda: read_and_count(body))
        call.ask = ask
        self._check_images(ask)
        return ask

    def _admitted(self, call: Call, ask: Ask, admission: Admission) -> Admitted:
        """Return a call that is let in.

        It is counted now: how often a client met a limit does not change its chances.
        """
        digest = call.facts["body"]
        draw = Draw(self.options.seed, digest, self._tries[digest])
        self._tries[digest] += 1
        call.facts["tries"] = draw.tries
        return Admitted(call, ask, draw, admission)

    async def _reply(self, request: Request, admitted: Admitted) -> Response:
        await self._lag(admitted.draw)
        fault = faults.fault_of(admitted.draw, self.options)
        if fault is not None and fault != "truncated":
            status = faults.STATUS_OF[fault]
            self._note(admitted.call, status=status, result=fault)
            return await faults.strike(fault, request)
        return await self._answered(admitted, fault)

    async def _answered(self, admitted: Admitted, fault: str | None) -> Response:
        """Return what the model says, or its refusal."""
        ask, draw = admitted.ask, admitted.draw
        if refusals.is_refused(ask, draw, self.options):
            spoken = refusals.refusal(draw, self.options.refusal_form)
            return self._say(admitted, spoken, "refused")
        items = await self._off_loop(lambda: answer(ask))
        text = faults.text_of(faults.distorted(items, draw, self.options), draw, self.options)
        return self._say(admitted, self._cut(text, admitted), fault)

    def _cut(self, text: str, admitted: Admitted) -> Spoken:
        """Return the answer, cut where `max_tokens` or a fault ends it."""
        letters = len(text)
        if admitted.ask.max_tokens is not None:
            letters = min(letters, admitted.ask.max_tokens * tokens.LETTERS_A_TOKEN)
        if admitted.draw.hits("length", self.options.length_share):
            letters = min(letters, len(text) // 2)
        if letters == len(text):
            return Spoken({"content": text})
        return Spoken({"content": text[:letters]}, "length")

    def _say(self, admitted: Admitted, spoken: Spoken, result: str | None) -> Response:
        """Return a completion, or what a fault leaves of it; it is paid for in any case."""
        call, ask, draw = admitted.call, admitted.ask, admitted.draw
        words = spoken.message.get("content") or spoken.message.get("refusal") or ""
        counts = {
            "prompt_tokens": call.facts["prompt_tokens"],
            "completion_tokens": tokens.of_text(len(words)),
        }
        now = time.monotonic()
        self._throttle.settle(admitted.admission, sum(counts.values()), now)
        body = orjson.dumps(
            wire.completion(
                identity=wire.identity_of(draw.body, str(draw.tries)),
                created=int(time.time()),
                model=ask.model,
                message=spoken.message,
                finish_reason=spoken.finish_reason,
                **counts,
            )
        )
        kind: type[Response] = faults.Truncated if result == "truncated" else Response
        if draw.hits("truncate_json", self.options.truncate_json_share):
            result, body = "truncated_json", body[: len(body) // 2]
        ended = "length" if spoken.finish_reason == "length" else "answered"
        self._note(
            call,
            status=200,
            result=result or ended,
            finish_reason=spoken.finish_reason,
            billed=True,
            completion_tokens=counts["completion_tokens"],
        )
        headers = self._throttle.headers(call.key, now)
        return kind(body, 200, headers, media_type="application/json")

    def _note(self, call: Call, **facts: Any) -> None:
        samples = call.ask.samples if call.ask else ()
        self.log.add(
            at=time.time(),
            names=[sample.name for sample in samples],
            images=[image.digest for sample in samples for image in sample.images],
            texts=[digest_of(sample.text) for sample in samples if sample.texts],
            **call.facts,
            **facts,
        )

    def _enter(self, request: Request) -> str | None:
        """Let a request for files or batches in: return its key, or raise the 401."""
        key = bearer(request)
        self._authorize(key)
        return key

    def _authorize(self, key: str | None) -> None:
        if self.options.api_key and key not in self.options.api_key:
            raise wire.wrong_key(key)

    async def _body(self, request: Request) -> bytes:
        """Return the body. One that is too large is read to its end, and thrown away."""
        largest = self.options.max_body_mb and self.options.max_body_mb * MEGABYTE
        chunks, size = [], 0
        async for chunk in request.stream():
            size += len(chunk)
            if not largest or size <= largest:
                chunks.append(chunk)
        if largest and size > largest:
            raise WireError(
                413,
                f"Request body too large: {size} bytes. Maximum is {int(largest)}.",
                result="too_large",
                code="request_too_large",
            )
        return b"".join(chunks)

    def _check_images(self, ask: Ask) -> None:
        most = self.options.max_images
        if most is not None and len(ask.images) > most:
            raise WireError(400, f"Too many images in request. Max is {most}.", result="too_large")

    async def _lag(self, draw: Draw) -> None:
        wait = self.options.latency_ms + self.options.jitter_ms * draw.spread("latency")
        if wait > 0:
            await asyncio.sleep(wait / 1000)

    async def _off_loop(self, work: Callable[[], T]) -> T:
        """Run work in a thread, so that other requests go on."""
        return await asyncio.get_running_loop().run_in_executor(self._threads, work)


def read_and_count(body: bytes) -> tuple[Ask, int]:
    """Return a request, read, and its prompt tokens."""
    ask = read(body)
    return ask, tokens.of_prompt(ask)


def bearer(request: Request) -> str | None:
    """Return the API key of a request, if it has one."""
    scheme, _, key = request.headers.get("authorization", "").partition(" ")
    return key.strip() or None if scheme.lower() == "bearer" else None
