"""The application: its routes, and the way of a request through them."""

import asyncio
import hashlib
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractAsyncContextManager, nullcontext
from typing import Any, TypeVar

import orjson
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from gerbench.endpoint import faults, refusals, tokens, wire
from gerbench.endpoint.answering import answer
from gerbench.endpoint.batch_routes import batch_routes
from gerbench.endpoint.batches import Batches
from gerbench.endpoint.call import Admitted, Call
from gerbench.endpoint.draws import Draw
from gerbench.endpoint.files import Files
from gerbench.endpoint.log import RequestLog, digest_of
from gerbench.endpoint.options import EndpointOptions
from gerbench.endpoint.paths import WIRES
from gerbench.endpoint.prompts import Ask
from gerbench.endpoint.refusals import Spoken
from gerbench.endpoint.throttle import Account, Admission, Throttle
from gerbench.endpoint.wire import WireError
from gerbench.endpoint.wires import Said, Wire, openai_chat

MODEL = "fer"
THREADS = 2
MEGABYTE = 1_000_000

T = TypeVar("T")


class Endpoint:
    """The endpoint's state: options, limits, log, and how often each body was seen."""

    def __init__(self, options: EndpointOptions) -> None:
        self.options = options
        self.log = RequestLog(options.log)
        self._throttle = Throttle(options)
        self._tries: Counter[str] = Counter()
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="network")
        self._slots: AbstractAsyncContextManager[object] = (
            asyncio.Semaphore(options.slots) if options.slots else nullcontext()
        )
        self._files = Files()
        self._batches = Batches(options, self._files, self._line)

    def app(self) -> Starlette:
        """Return the ASGI application."""
        return Starlette(
            routes=[
                *(Route(path, self._speaking(spoken), methods=["POST"]) for path, spoken in WIRES),
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
            self._authorize(openai_chat.key(request))
        except WireError as error:
            return error.response({})
        model = {"id": MODEL, "object": "model", "created": 0, "owned_by": "gerbench"}
        return JSONResponse({"object": "list", "data": [model]})

    def _speaking(self, spoken: Wire) -> Callable[[Request], Awaitable[Response]]:
        """Return the route of a wire."""

        async def route(request: Request) -> Response:
            started = time.monotonic()
            response = await self._served(request, Call(spoken, "anonymous", {"wire": spoken.NAME}))
            spent = round((time.monotonic() - started) * 1000)
            response.headers.update(spoken.signature(spent))
            return response

        return route

    async def _served(self, request: Request, call: Call) -> Response:
        """Serve one request, and log it before the reply leaves."""
        try:
            key = call.wire.key(request)
            call.key = key or call.key
            call.facts["key"] = key and digest_of(key)[-4:]
            self._authorize(key)
            return await self._serve(request, call)
        except WireError as error:
            response = call.wire.failure(error)
            response.headers.update(self._limits(call))
            self._note(call, status=response.status_code, result=error.result)
            return response

    def _limits(self, call: Call) -> dict[str, str]:
        """Return the headers that tell a call its limits."""
        return call.wire.limits(self._throttle.shown(call.key, time.monotonic()))

    async def _serve(self, request: Request, call: Call) -> Response:
        around = {**request.headers, **request.path_params}
        ask = await self._read(await self._body(request), call, around)
        admission = self._throttle.admit(
            call.key,
            model=ask.model,
            tokens=ask.prompt_tokens + (ask.max_tokens or 0),
            now=time.monotonic(),
        )
        try:
            return await self._reply(request, self._admitted(call, ask, admission))
        finally:
            self._throttle.leave(admission)

    async def _line(
        self, path: str, body: bytes, *, batch: str, key: str | None
    ) -> tuple[int | None, Any]:
        """Answer a line of a batch: its status and JSON, or None for one that ends without.

        Batches take no room under the limits.
        """
        facts = {"key": key and digest_of(key)[-4:], "batch": batch}
        call = Call(dict(WIRES)[path], key or "anonymous", facts)
        try:
            ask = await self._read(body, call, {})
            admitted = self._admitted(call, ask, Admission(Account({})))
            fault = faults.fault_of(admitted.draw, self.options)
            if fault is not None:
                status = faults.STATUS_OF.get(fault) or None
                self._note(call, status=status, result=fault)
                return faults.in_batch(fault)
            response = await self._answered(admitted, None)
        except WireError as error:
            response = call.wire.failure(error)
            self._note(call, status=response.status_code, result=error.result)
        return response.status_code, faults.json_of(response)

    async def _read(self, body: bytes, call: Call, around: Mapping[str, str]) -> Ask:
        """Return what a body asks, and note it."""
        call.facts["body"] = hashlib.sha256(body).hexdigest()
        ask = call.ask = await self._off_loop(lambda: call.wire.read(body, around))
        call.facts["prompt_tokens"] = ask.prompt_tokens
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
            if fault not in faults.SPOKEN:
                self._note(admitted.call, status=faults.STATUS_OF[fault], result=fault)
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
        said = Said(
            identity=wire.identity_of(draw.body, str(draw.tries)),
            created=int(time.time()),
            model=ask.model,
            message=spoken.message,
            finish_reason=spoken.finish_reason,
            prompt_tokens=ask.prompt_tokens,
            completion_tokens=tokens.of_text(len(words)),
        )
        total = said.prompt_tokens + said.completion_tokens
        self._throttle.settle(admitted.admission, total, time.monotonic())
        body = orjson.dumps(call.wire.completion(said))
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
            completion_tokens=said.completion_tokens,
        )
        return kind(body, 200, self._limits(call), media_type="application/json")

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
        key = openai_chat.key(request)
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
                facts={"most": int(largest)},
            )
        return b"".join(chunks)

    def _check_images(self, ask: Ask) -> None:
        most = self.options.max_images
        if most is not None and len(ask.images) > most:
            words = f"Too many images in request. Max is {most}."
            facts = {"images": len(ask.images), "most_images": most}
            raise WireError(400, words, result="too_large", facts=facts)

    async def _lag(self, draw: Draw) -> None:
        """Wait as long as the model would work, once it has a slot to work in."""
        wait = self.options.latency_ms + self.options.jitter_ms * draw.spread("latency")
        if wait > 0:
            async with self._slots:
                await asyncio.sleep(wait / 1000)

    async def _off_loop(self, work: Callable[[], T]) -> T:
        """Run work in a thread, so that other requests go on."""
        return await asyncio.get_running_loop().run_in_executor(self._threads, work)
