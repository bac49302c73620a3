"""Every legal and illegal move, and the status of a job."""

from itertools import product

import pytest

from core.rules.states import (
    ENDED,
    OPEN_REQUEST,
    REQUEST_MOVES,
    RUN_MOVES,
    RequestState,
    Status,
    combine,
    run_sources,
)

LEGAL_RUN_MOVES = {
    ("queued", "running"),
    ("queued", "paused"),
    ("queued", "failed"),
    ("queued", "cancelled"),
    ("running", "paused"),
    ("running", "completed"),
    ("running", "failed"),
    ("running", "cancelled"),
    ("paused", "running"),
    ("paused", "completed"),
    ("paused", "failed"),
    ("paused", "cancelled"),
    ("completed", "running"),
    ("failed", "running"),
}

LEGAL_REQUEST_MOVES = {
    ("due", "leased"),
    ("due", "cancelled"),
    ("waiting", "leased"),
    ("waiting", "cancelled"),
    ("leased", "due"),
    ("leased", "waiting"),
    ("leased", "done"),
    ("leased", "split"),
    ("leased", "failed"),
    ("leased", "cancelled"),
}


@pytest.mark.parametrize(("source", "target"), list(product(Status, Status)))
def test_a_run_makes_only_legal_moves(source: Status, target: Status) -> None:
    legal = (source.value, target.value) in LEGAL_RUN_MOVES

    assert (target in RUN_MOVES[source]) == legal
    assert (source in run_sources(target)) == legal


@pytest.mark.parametrize(("source", "target"), list(product(RequestState, RequestState)))
def test_a_request_makes_only_legal_moves(source: RequestState, target: RequestState) -> None:
    assert (target in REQUEST_MOVES[source]) == ((source, target) in LEGAL_REQUEST_MOVES)


def test_a_closed_request_stays_closed() -> None:
    assert {state for state in RequestState if REQUEST_MOVES[state]} == OPEN_REQUEST


def test_only_ended_runs_have_ended() -> None:
    assert {"completed", "failed", "cancelled"} == ENDED


@pytest.mark.parametrize(
    ("runs", "job"),
    [
        (["queued"], "queued"),
        (["queued", "queued"], "queued"),
        (["queued", "running"], "running"),
        (["queued", "completed"], "running"),
        (["queued", "paused"], "running"),
        (["running", "failed", "paused"], "running"),
        (["paused", "completed"], "paused"),
        (["paused", "cancelled"], "paused"),
        (["completed", "failed"], "failed"),
        (["completed", "cancelled", "failed"], "cancelled"),
        (["completed", "completed"], "completed"),
    ],
)
def test_a_job_is_read_from_its_runs(runs: list[str], job: str) -> None:
    assert combine(map(Status, runs)) is Status(job)
