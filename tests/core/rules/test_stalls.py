"""Why nothing moves: every cause, which of two is told, and when there is none to tell."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from core.rules.room import Health, Reason
from core.rules.stalls import DOWN, SPOKE, Facts, Fault, StallCode, explain
from core.rules.standings import CredentialStanding, ModelStanding, RoomStanding, Want
from core.vocabulary import Result

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
ROOM = RoomStanding(used=0, effective=None)


def ago(seconds: float) -> datetime:
    return NOW - timedelta(seconds=seconds)


def ahead(seconds: float) -> datetime:
    return NOW + timedelta(seconds=seconds)


def credential(
    health: Health = Health.HEALTHY, until: datetime | None = None, name: str = "env:KEY"
) -> CredentialStanding:
    return CredentialStanding(
        credential=name,
        health=health,
        until=until,
        reason=None if health is Health.HEALTHY else "You exceeded it",
        in_flight=0,
        concurrency=8,
        rpm=ROOM,
        tpm=ROOM,
        rpd=ROOM,
        pace_rpm=60.0,
    )


def standing(*credentials: CredentialStanding, **more: Any) -> ModelStanding:
    return ModelStanding(credentials=list(credentials), **more)


WELL = Facts(
    moved_at=ago(90), worker_seen_at=ago(2), worker_alive=True, ticked_at=ago(3), timeout_s=60.0
)
"""Workers and clock are alive; nothing else is known."""
SILENT: dict[str, Any] = {"faulty_since": ago(80), "fault": Fault(ago(5), "Service Unavailable")}
FULL = Want(until=ahead(3600), reason=Reason.RPD)

CAUSES: list[tuple[str, Facts, datetime, datetime | None, str]] = [
    (
        "no_worker",
        replace(WELL, worker_alive=False, worker_seen_at=ago(70)),
        ago(70),
        None,
        "no worker is alive since 2026-03-01 11:58:50 UTC; start one with `gerbench worker`",
    ),
    (
        "no_worker",
        replace(WELL, worker_alive=False, worker_seen_at=None),
        ago(90),
        None,
        "no worker was ever alive; start one with `gerbench worker`",
    ),
    (
        "no_tick",
        replace(WELL, ticked_at=ago(45)),
        ago(45),
        None,
        "workers are alive, but no tick came since 2026-03-01 11:59:15 UTC; start `gerbench beat`",
    ),
    (
        "no_tick",
        replace(WELL, ticked_at=None),
        ago(90),
        None,
        "workers are alive, but no tick ever came; start `gerbench beat`",
    ),
    (
        "unplanned",
        replace(WELL, planned=False),
        ago(90),
        None,
        "it waits to be planned since 2026-03-01 11:58:30 UTC; the worker's log may say why",
    ),
    (
        "limits_away",
        replace(WELL, standing=standing(away="the limits in Redis cannot be reached: refused")),
        ago(90),
        None,
        "the limits in Redis cannot be reached: refused",
    ),
    (
        "exhausted",
        replace(WELL, standing=standing(credential(Health.EXHAUSTED, ahead(600)))),
        ago(90),
        ahead(600),
        "env:KEY is exhausted until 2026-03-01 12:10:00 UTC: You exceeded it",
    ),
    (
        "revoked",
        replace(WELL, standing=standing(credential(Health.REVOKED))),
        ago(90),
        None,
        "env:KEY is revoked: You exceeded it",
    ),
    (
        "provider_down",
        replace(WELL, **SILENT),
        ago(80),
        None,
        "the provider is down since 2026-03-01 11:58:40 UTC: Service Unavailable",
    ),
    (
        "throttled",
        replace(WELL, standing=standing(credential(Health.THROTTLED, ahead(30)))),
        ago(90),
        ahead(30),
        "env:KEY is throttled until 2026-03-01 12:00:30 UTC: You exceeded it",
    ),
    (
        "limit",
        replace(WELL, standing=standing(credential(), want=FULL)),
        ago(90),
        ahead(3600),
        "it waits for the limit of requests per day until 2026-03-01 13:00:00 UTC",
    ),
    (
        "unanswered",
        replace(WELL, under_way=1, oldest_sent_at=ago(50)),
        ago(50),
        None,
        (
            "1 call under way without an answer, the first since 2026-03-01 11:59:10 UTC;"
            " one may take 60 s"
        ),
    ),
    (
        "unanswered",
        replace(WELL, under_way=3, oldest_sent_at=ago(50)),
        ago(50),
        None,
        (
            "3 calls under way without an answer, the first since 2026-03-01 11:59:10 UTC;"
            " one may take 60 s"
        ),
    ),
    (
        "outranked",
        replace(WELL, outranked_by="1f3a9c00"),
        ago(90),
        None,
        "job 1f3a9c00, which is more urgent, has its model",
    ),
    (
        "not_due",
        replace(WELL, next_due_at=ahead(40)),
        ago(90),
        ahead(40),
        "its next request is due at 2026-03-01 12:00:40 UTC",
    ),
    (
        "not_due",
        replace(WELL, next_due_at=ahead(40), fault=Fault(ago(300), "Bad Gateway")),
        ago(90),
        ahead(40),
        "its next request is due at 2026-03-01 12:00:40 UTC: Bad Gateway",
    ),
    (
        "unexplained",
        WELL,
        ago(90),
        None,
        "nothing was answered since 2026-03-01 11:58:30 UTC; the worker's log may say why",
    ),
]


@pytest.mark.parametrize(("code", "facts", "since", "until", "detail"), CAUSES)
def test_each_cause_is_told_with_since_when_and_until_when(
    code: str, facts: Facts, since: datetime, until: datetime | None, detail: str
) -> None:
    stall = explain(facts, now=NOW)

    assert stall is not None
    assert (stall.code, stall.since, stall.until, stall.detail) == (code, since, until, detail)


def test_every_code_has_a_cause_in_the_table() -> None:
    assert {code for code, *_ in CAUSES} == {code.value for code in StallCode}


ALL: dict[StallCode, dict[str, Any]] = {
    StallCode.NO_WORKER: {"worker_alive": False},
    StallCode.NO_TICK: {"ticked_at": None},
    StallCode.UNPLANNED: {"planned": False},
    StallCode.PROVIDER_DOWN: SILENT,
    StallCode.LIMIT: {"standing": standing(credential(), want=FULL)},
    StallCode.UNANSWERED: {"under_way": 1, "oldest_sent_at": ago(50)},
    StallCode.OUTRANKED: {"outranked_by": "other"},
    StallCode.NOT_DUE: {"next_due_at": ahead(9)},
}
"""Causes that may apply at once, each before those that it hides."""


@pytest.mark.parametrize("first", range(len(ALL)))
def test_of_several_causes_the_one_that_hides_the_others_is_told(first: int) -> None:
    codes = list(ALL)[first:]
    facts = WELL
    for code in codes:
        facts = replace(facts, **ALL[code])

    stall = explain(facts, now=NOW)

    assert stall is not None
    assert stall.code is codes[0]


@pytest.mark.parametrize(
    ("health", "code"),
    [(Health.EXHAUSTED, "exhausted"), (Health.THROTTLED, "provider_down")],
)
def test_without_quota_nothing_is_sent_so_that_old_faults_explain_nothing(
    health: Health, code: str
) -> None:
    facts = replace(WELL, **SILENT, standing=standing(credential(health, ahead(30))))

    stall = explain(facts, now=NOW)

    assert stall is not None
    assert stall.code == code


@pytest.mark.parametrize(
    "facts",
    [
        replace(WELL, faulty_since=ago(900), fault=Fault(ago(120), "Bad Gateway")),
        replace(WELL, standing=standing(credential(Health.EXHAUSTED, ago(1)))),
        replace(WELL, standing=standing(want=Want(until=ago(1), reason=Reason.RPD))),
        replace(WELL, standing=standing(want=Want(until=ahead(9), reason="the limits are away"))),
        replace(WELL, next_due_at=ago(1)),
        replace(
            WELL, standing=standing(credential(Health.EXHAUSTED, ahead(60)), credential(name="b"))
        ),
    ],
)
def test_what_is_over_explains_nothing(facts: Facts) -> None:
    stall = explain(facts, now=NOW)

    assert stall is not None
    assert stall.code is StallCode.UNEXPLAINED


def test_the_credential_that_may_be_used_again_first_is_told() -> None:
    resting = standing(
        credential(Health.REVOKED, None, "a"),
        credential(Health.EXHAUSTED, ahead(600), "b"),
        credential(Health.EXHAUSTED, ahead(60), "c"),
    )

    stall = explain(replace(WELL, standing=resting), now=NOW)

    assert stall is not None
    assert (stall.code, stall.until) == (StallCode.EXHAUSTED, ahead(60))
    assert stall.detail.startswith("c is exhausted")


def test_a_provider_at_work_on_a_batch_is_no_stall_but_a_dead_worker_is() -> None:
    at_work = replace(WELL, in_batch=True)

    assert explain(at_work, now=NOW) is None
    stall = explain(replace(at_work, worker_alive=False), now=NOW)
    assert stall is not None
    assert stall.code is StallCode.NO_WORKER


def test_a_result_is_a_word_of_the_model_or_a_fault_or_neither() -> None:
    neither = {
        Result.SENT,
        Result.RATE_LIMITED,
        Result.QUOTA,
        Result.UNAUTHORIZED,
        Result.UNKNOWN,
        Result.WITHDRAWN,
    }

    assert SPOKE | DOWN | neither == set(Result)
    assert not SPOKE & DOWN
