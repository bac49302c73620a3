"""The batch API: files of requests, answered after a while, each by the real network."""

import asyncio
import secrets
import time
from collections.abc import Awaitable
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

import orjson
from pydantic import BaseModel, Field, ValidationError

from gerbench.endpoint import batch_lines
from gerbench.endpoint.batch_lines import Fault, Line
from gerbench.endpoint.draws import unit
from gerbench.endpoint.files import Files, page
from gerbench.endpoint.options import EndpointOptions
from gerbench.endpoint.wire import WireError

ENDPOINTS = ("/v1/chat/completions", "/v1/responses")
MOVING = frozenset({"validating", "in_progress", "finalizing", "cancelling"})
STAMPS = (
    "in_progress_at",
    "expires_at",
    "finalizing_at",
    "completed_at",
    "failed_at",
    "expired_at",
    "cancelling_at",
    "cancelled_at",
)
WORDS = {
    "batch_expired": "This request could not be executed before the completion window expired.",
    "batch_cancelled": "This request was not executed: its batch was cancelled.",
    "request_timeout": "The request to the model timed out.",
}


class Answer(Protocol):
    """Answers a body at a path: status and JSON; a status of None is a timeout."""

    def __call__(
        self, path: str, body: bytes, *, batch: str, key: str | None
    ) -> Awaitable[tuple[int | None, Any]]:
        """Answer it."""
        ...


class CreateBody(BaseModel):
    """What a batch is made of."""

    input_file_id: str
    endpoint: str
    completion_window: str
    metadata: dict[str, str] | None = Field(None, max_length=16)


@dataclass
class Batch:
    """A batch on its way."""

    shown: dict[str, Any]
    key: str | None
    lines: list[Line] = field(default_factory=list)
    output: list[bytes] = field(default_factory=list)
    errors: list[bytes] = field(default_factory=list)
    changed: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when it is to be cancelled."""

    def move(self, status: str) -> None:
        """Go to another status, at this moment."""
        self.shown["status"] = status
        if f"{status}_at" in self.shown:
            self.shown[f"{status}_at"] = int(time.time())


class Batches:
    """The batches of an endpoint, in memory: an endpoint that starts anew knows none."""

    def __init__(self, options: EndpointOptions, files: Files, answer: Answer) -> None:
        self._options = options
        self._files = files
        self._answer = answer
        self._batches: dict[str, Batch] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    def create(self, content: bytes, key: str | None) -> dict[str, Any]:
        """Begin a batch of an uploaded file; whatever is wrong with its lines shows later."""
        asked = _asked(content)
        self._files.get(asked.input_file_id)
        now = int(time.time())
        shown: dict[str, Any] = {
            "id": f"batch_{secrets.token_hex(16)}",
            "object": "batch",
            "endpoint": asked.endpoint,
            "model": None,
            "errors": None,
            "input_file_id": asked.input_file_id,
            "completion_window": asked.completion_window,
            "status": "validating",
            "output_file_id": None,
            "error_file_id": None,
            "created_at": now,
            **dict.fromkeys(STAMPS),
            "request_counts": {"total": 0, "completed": 0, "failed": 0},
            "metadata": asked.metadata,
        }
        shown["expires_at"] = now + int(self._options.batch_window_s)
        batch = self._batches[shown["id"]] = Batch(shown, key)
        task = asyncio.get_running_loop().create_task(self._run(batch))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return shown

    def get(self, identity: str) -> dict[str, Any]:
        """Return a batch as it is shown, or raise the 404."""
        return self._found(identity).shown

    def listed(self, after: str | None, limit: int) -> dict[str, Any]:
        """Return a page of the batches, the newest first."""
        return page([each.shown for each in reversed(self._batches.values())], after, limit)

    def cancel(self, identity: str) -> dict[str, Any]:
        """Begin to cancel a batch, or raise the 409 of one that has ended."""
        batch = self._found(identity)
        if batch.shown["status"] not in MOVING:
            status = batch.shown["status"]
            raise WireError(
                409, f"Cannot cancel a batch with status '{status}'.", result="rejected"
            )
        batch.move("cancelling")
        batch.changed.set()
        return batch.shown

    def _found(self, identity: str) -> Batch:
        if identity not in self._batches:
            raise WireError(404, f"No batch found with id '{identity}'.", result="no_batch")
        return self._batches[identity]

    async def _run(self, batch: Batch) -> None:
        """Take a batch from validation to its end."""
        began = time.monotonic()
        faults = await asyncio.to_thread(self._validate, batch)
        if faults:
            batch.shown["errors"] = {"object": "list", "data": faults[: batch_lines.TOLD]}
            batch.move("failed")
            return
        if batch.shown["status"] == "validating":
            batch.move("in_progress")
        ending, code = await self._answer_lines(batch, began)
        for line in batch.lines[len(batch.output) + len(batch.errors) :]:
            self._fail(batch, line, code)
        if ending == "completed":
            batch.move("finalizing")
        self._publish(batch)
        batch.move(ending)

    def _validate(self, batch: Batch) -> list[Fault]:
        """Read the lines of a batch; return what is wrong with them."""
        path = self._files.path(batch.shown["input_file_id"])
        with path.open("rb") as file:
            made = list(batch_lines.checked(file, batch.shown["endpoint"]))
        faults = [each for each in made if isinstance(each, dict)]
        batch.lines = [each for each in made if isinstance(each, Line)]
        if not made:
            faults = [batch_lines.fault("empty_file", "The batch file is empty.")]
        most = self._options.batch_lines
        if not faults and most is not None and len(batch.lines) > most:
            faults = [self._too_many(batch.lines[0].model, most)]
        if not faults:
            batch.shown["model"] = batch.lines[0].model
            batch.shown["request_counts"]["total"] = len(batch.lines)
        return faults

    def _too_many(self, model: str, most: int) -> Fault:
        """Return the fault of a batch that is more than may be enqueued."""
        return batch_lines.fault(
            "token_limit_exceeded",
            f"Enqueued token limit reached for {model} in organization org-local. Limit: {most:,}"
            " enqueued tokens. Please try again once some in_progress batches have been"
            " completed.",
        )

    async def _answer_lines(self, batch: Batch, began: float) -> tuple[str, str]:
        """Answer the lines in turn, until all are, or the batch expires or is cancelled.

        Returns how the batch ends, and the code of the lines it did not come to.
        """
        pause = self._options.batch_seconds / max(1, len(batch.lines))
        ends = began + self._options.batch_window_s
        served = round(self._options.batch_share * len(batch.lines))
        for place, line in enumerate(batch.lines):
            due = began + pause * (place + 1) if place < served else ends
            if await self._told_to_stop(batch, min(due, ends)):
                return "cancelled", "batch_cancelled"
            if place >= served or time.monotonic() >= ends:
                return "expired", "batch_expired"
            await self._answer_line(batch, line)
        return "completed", ""

    async def _told_to_stop(self, batch: Batch, until: float) -> bool:
        """Wait until a moment; tell whether the batch is to be cancelled."""
        left = until - time.monotonic()
        if left > 0 and not batch.changed.is_set():
            try:
                await asyncio.wait_for(batch.changed.wait(), left)
            except TimeoutError:
                return False
        return batch.changed.is_set()

    async def _answer_line(self, batch: Batch, line: Line) -> None:
        """Answer one line; it is in one of the two files then."""
        shown = batch.shown
        status, body = await self._answer(
            shown["endpoint"], line.body, batch=shown["id"], key=batch.key
        )
        if status is None:
            self._fail(batch, line, "request_timeout")
            return
        good = status == 200  # noqa: PLR2004 - the one good status there is
        written = batch_lines.replied(secrets.token_hex(12), line.custom_id, status, body)
        (batch.output if good else batch.errors).append(written)
        batch.shown["request_counts"]["completed" if good else "failed"] += 1

    def _fail(self, batch: Batch, line: Line, code: str) -> None:
        """Write that a line never got as far as a status."""
        number = secrets.token_hex(12)
        batch.errors.append(batch_lines.unreplied(number, line.custom_id, code, WORDS[code]))
        batch.shown["request_counts"]["failed"] += 1

    def _publish(self, batch: Batch) -> None:
        """Write both files, those that hold something; their lines are in no order."""
        kinds: tuple[tuple[Literal["output", "error"], list[bytes]], ...] = (
            ("output", batch.output),
            ("error", batch.errors),
        )
        for kind, lines in kinds:
            if lines:
                mixed = sorted(lines, key=lambda line: unit(self._options.seed, line))
                name = f"{batch.shown['id']}_{kind}.jsonl"
                made = self._files.add(name, "batch_output", mixed)
                batch.shown[f"{kind}_file_id"] = made["id"]


def _asked(content: bytes) -> CreateBody:
    """Return the body of a creation, or raise the 400 that says what is wrong with it."""
    try:
        asked = CreateBody.model_validate(orjson.loads(content))
    except orjson.JSONDecodeError as error:
        raise WireError(
            400, "We could not parse the JSON body of your request.", result="rejected"
        ) from error
    except ValidationError as error:
        name = ".".join(map(str, error.errors()[0]["loc"]))
        raise WireError(
            400,
            f"Missing or invalid parameter: '{name}'.",
            result="rejected",
            param=name,
        ) from error
    for name, allowed in (("endpoint", ENDPOINTS), ("completion_window", ("24h",))):
        if (value := getattr(asked, name)) not in allowed:
            known = ", ".join(f"'{each}'" for each in allowed)
            raise WireError(
                400,
                f"Invalid value: '{value}'. Supported values are: {known}.",
                result="rejected",
                param=name,
                code="invalid_value",
            )
    return asked
