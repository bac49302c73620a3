"""Live streams over REST: server-sent events of one job, and of all that are under way."""

from collections.abc import AsyncIterator
from functools import partial
from time import monotonic
from typing import Annotated, Any, cast
from uuid import UUID

from fastapi import APIRouter, Depends, Header, Request, Response, status
from fastapi.responses import StreamingResponse
from starlette.concurrency import run_in_threadpool

from api.deps import (
    CallerDep,
    DatabaseDep,
    PatienceDep,
    SettingsDep,
    StillGood,
    StillGoodDep,
)
from api.feeds import Feed, Feeds
from api.looks import JobLook, JobsLook
from api.rules import VIEWER
from api.schemas.events import EndEvent, JobEvent, JobsEvent
from api.schemas.problem import problems
from core import jobs
from core.db import Database

router = APIRouter(tags=["jobs"])

EVENT_STREAM = "text/event-stream"
HEADERS = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
"""A stream is kept by nobody, and held back by no proxy."""

LastEventId = Annotated[
    str | None,
    Header(max_length=100, description="`id` of the last event that was seen, to go on from there"),
]


def get_feeds(request: Request) -> Feeds:
    """Return the feeds of this process."""
    return cast("Feeds", request.app.state.feeds)


FeedsDep = Annotated[Feeds, Depends(get_feeds)]


def _events(**of: type[Any]) -> dict[int | str, dict[str, Any]]:
    """Return the `responses` of a stream with these events."""
    items = [
        {
            "properties": {
                "id": {"type": "string"},
                "event": {"type": "string", "const": name},
                "data": {
                    "type": "string",
                    "contentMediaType": "application/json",
                    "contentSchema": {"$ref": f"#/components/schemas/{model.__name__}"},
                },
            },
            "required": ["event", "data"],
        }
        for name, model in of.items()
    ]
    content = {EVENT_STREAM: {"itemSchema": {"type": "object", "oneOf": items}}}
    return {200: {"description": f"Events: {', '.join(of)}", "content": content}}


@router.get(
    "/jobs/{job_id}/events",
    dependencies=[VIEWER],
    summary="Watch a job",
    response_class=Response,
    responses={
        **_events(job=JobEvent, end=EndEvent),
        204: {"description": "The job has ended, and you have seen its end: come back no more"},
        **problems(404, 503),
    },
)
async def watch_job(
    job_id: UUID,
    database: DatabaseDep,
    feeds: FeedsDep,
    still_good: StillGoodDep,
    settings: SettingsDep,
    patience: PatienceDep,
    last_event_id: LastEventId = None,
) -> Response:
    """Tell how a job is, then what changes, at most twice a second, until it has ended."""
    await run_in_threadpool(_require, database, job_id)
    feed = feeds.of(("job", job_id), partial(JobLook, database, job_id, patience=patience))
    frame = await feed.first()
    if frame.end is not None and frame.id == last_event_id:
        return Response(status_code=status.HTTP_204_NO_CONTENT)
    return _stream(feed, still_good, last_event_id, settings.stream_s)


@router.get(
    "/events",
    dependencies=[VIEWER],
    summary="Watch the jobs under way",
    response_class=Response,
    responses={**_events(jobs=JobsEvent), **problems(503)},
)
async def watch_jobs(
    database: DatabaseDep,
    caller: CallerDep,
    feeds: FeedsDep,
    still_good: StillGoodDep,
    settings: SettingsDep,
    patience: PatienceDep,
    last_event_id: LastEventId = None,
) -> Response:
    """Tell how the latest 50 jobs under way are, then what changes, at most twice a second."""
    feed = feeds.of(("jobs", caller.team_id), partial(JobsLook, database, patience=patience))
    await feed.first()
    return _stream(feed, still_good, last_event_id, settings.stream_s)


def _require(database: Database, job_id: UUID) -> None:
    """Raise NotFound unless the caller sees the job."""
    with database.read() as session:
        jobs.get(session, job_id)


def _stream(
    feed: Feed, still_good: StillGood, last_event_id: str | None, seconds: float
) -> Response:
    """Return a feed as a response; it counts as watched while it is sent.

    Nothing more is sent once the key that asked for it is good no longer.
    """

    async def watched() -> AsyncIterator[bytes]:
        feed.watchers += 1
        try:
            async for chunk in feed.follow(last_event_id, seconds=seconds):
                if not await still_good():
                    return
                yield chunk
        finally:
            feed.watchers -= 1
            feed.left_at = monotonic()

    return StreamingResponse(watched(), media_type=EVENT_STREAM, headers=HEADERS)
