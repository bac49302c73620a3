"""What Prometheus is told: counted in the database, for holders of a key."""

from datetime import timedelta
from typing import Any

import pytest
from fastapi.testclient import TestClient
from prometheus_client.parser import text_string_to_metric_families
from pydantic import SecretStr
from sqlalchemy import event, select, update

from api.scrape import Scrape
from core import teams, workers
from core.db import Database, utc_now
from core.rules.budgets import month_of
from core.rules.room import Health, Reason
from core.rules.standings import CredentialStanding, ModelStanding, RoomStanding, Want
from core.rules.states import Status
from core.rules.webhooks import DeliveryState, HookEvent
from core.settings import Settings
from core.tables import Attempt, Delivery, Model, Request, Run, Team, TeamSpend
from core.tables.teams import DEFAULT_ID
from core.vocabulary import Result
from core.workers import Life
from tests import rows
from tests.api.apps import app_of

METRICS_KEY = "only-for-the-figures"
Figures = dict[tuple[str, ...], float]


def figures(text: str, name: str) -> Figures:
    """Return the values of a metric, by the values of its labels in the order of their names."""
    return {
        tuple(sample.labels[label] for label in sorted(sample.labels)): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if sample.name == f"gerbench_{name}"
    }


def scraped(client: TestClient) -> str:
    response = client.get("/metrics")
    assert response.status_code == 200, response.text
    assert response.headers["Content-Type"].startswith("text/plain")
    return response.text


@pytest.fixture
def busy(database: Database) -> Model:
    """A model at work: one run with requests in every open state, and attempts of two results."""
    now = utc_now()
    with database.write.begin() as session:
        model = rows.model(session, "busy", timeout_s=60)
        run = rows.add_run(session, model)
        totals = {
            "samples": 10, "answered": 4, "refused": 1, "attempts": 7, "unknown_attempts": 2,
            "prompt_tokens": 100, "completion_tokens": 20, "cost_nano": 1_500_000_000,
            "planned": 10, "moved_at": now,
        }  # fmt: skip
        session.execute(update(Run).values(totals))
        late = now - timedelta(seconds=90)
        held: dict[str, Any] = {"state": "leased", "lease_owner": "w", "lease_expires_at": late}
        for state in ({}, {}, {"state": "waiting"}, held, {"state": "done", "finished_at": now}):
            session.add(Request(run_id=run.id, sample_ids=[1], not_before=late, **state))
        session.flush()
        rows.past_attempts(session, run, 3, now)
        rows.past_attempts(session, run, 5, now - timedelta(minutes=2))
        session.flush()
        last = session.query(Attempt).order_by(Attempt.id).first()
        assert last is not None
        last.result = Result.RATE_LIMITED
        workers.note(session, Life("w", now, now, 3, spool_bytes=512), now=now)
        old = now - timedelta(minutes=5)
        workers.note(session, Life("gone", old, old, 1, spool_bytes=99), now=old)
    return model


def test_the_queue_is_counted(client: TestClient, busy: Model) -> None:
    text = scraped(client)

    assert figures(text, "requests") == {("due",): 2, ("leased",): 1, ("waiting",): 1}
    assert figures(text, "runs")[("running",)] == 1
    assert set(figures(text, "runs")) == {(status.value,) for status in Status}
    assert 90 <= figures(text, "oldest_due_seconds")[()] < 150
    assert figures(text, "expired_leases") == {(): 1}
    assert sum(figures(text, "stalled_jobs").values()) == 0


def test_workers_that_live_are_counted_and_what_each_rescued(
    client: TestClient, busy: Model
) -> None:
    text = scraped(client)

    assert figures(text, "workers") == {(): 1}
    assert figures(text, "rescued_requests_total") == {("w",): 3, ("gone",): 1}
    assert 0 <= figures(text, "tick_age_seconds")[()] < 60
    # What was on the disk of one that is gone, whoever works on its folder next stores or tells.
    assert figures(text, "spool_bytes") == {("w",): 512}


def test_messages_to_webhooks_are_counted(client: TestClient, database: Database) -> None:
    now = utc_now()
    with database.write.begin() as session:
        run = rows.add_run(session, rows.model(session))
        for finished, state in (
            (None, DeliveryState.DUE),
            (now, DeliveryState.FAILED),
            (now, DeliveryState.DELIVERED),
            (now - timedelta(days=2), DeliveryState.FAILED),
        ):
            session.add(
                Delivery(
                    team_id=DEFAULT_ID,
                    job_id=run.job_id,
                    event=HookEvent.JOB_COMPLETED,
                    body="{}",
                    state=state,
                    not_before=now - timedelta(seconds=90),
                    finished_at=finished,
                )
            )
    text = scraped(client)

    assert figures(text, "deliveries") == {("due",): 1, ("leased",): 0}
    assert figures(text, "recent_deliveries") == {
        ("cancelled",): 0,
        ("delivered",): 1,
        ("failed",): 1,
    }
    assert 90 <= figures(text, "late_delivery_seconds")[()] < 150


def test_totals_are_those_of_the_runs(client: TestClient, busy: Model) -> None:
    text = scraped(client)

    assert figures(text, "attempts_total") == {("busy", "default"): 7}
    assert figures(text, "unknown_attempts") == {("busy", "default"): 2}
    assert figures(text, "cost_usd_total") == {("busy", "default"): 1.5}
    assert figures(text, "prompt_tokens_total") == {("busy", "default"): 100}
    assert figures(text, "completion_tokens_total") == {("busy", "default"): 20}
    assert figures(text, "samples") == {
        ("busy", "answered", "default"): 4,
        ("busy", "refused", "default"): 1,
        ("busy", "unparsed", "default"): 0,
        ("busy", "failed", "default"): 0,
        ("busy", "pending", "default"): 5,
    }
    recent = figures(text, "recent_attempts")
    assert (recent["busy", "answered", "default"], recent["busy", "rate_limited", "default"]) == (
        2,
        1,
    )
    assert sum(recent.values()) == 3


def test_limits_are_told_by_model_and_credential(
    client: TestClient, database: Database, busy: Model
) -> None:
    now = utc_now()
    of_minute = RoomStanding(used=30, effective=60)
    unknown = RoomStanding(used=900, effective=None)
    key = CredentialStanding(
        credential="env:KEY", health=Health.THROTTLED, until=now, reason="slow down", in_flight=2,
        concurrency=8, rpm=of_minute, tpm=unknown, rpd=unknown, pace_rpm=60,
    )  # fmt: skip
    want = Want(until=now, reason=Reason.RPM)
    with database.write.begin() as session:
        standing = ModelStanding(credentials=[key], want=want)
        workers.note_standing(session, busy.id, standing, now=now)

    text = scraped(client)

    used, allowed = figures(text, "limit_used"), figures(text, "limit_allowed")
    assert {key[1]: value for key, value in used.items()} == {
        "rpm": 30, "tpm": 900, "rpd": 900, "concurrency": 2,
    }  # fmt: skip
    assert {key[1]: value for key, value in allowed.items()} == {"rpm": 60, "concurrency": 8}
    assert figures(text, "calls_under_way") == {("env:KEY", "busy", "default"): 2}
    health = {key[1]: value for key, value in figures(text, "credential_health").items()}
    assert health == {"healthy": 0, "throttled": 1, "exhausted": 0, "revoked": 0}
    assert 0 <= figures(text, "standing_age_seconds")[("busy", "default")] < 60


def test_models_of_one_name_are_told_apart_by_their_teams(
    client: TestClient, database: Database, busy: Model
) -> None:
    now = utc_now()
    with database.write.begin() as session:
        teams.create(session, "others")
        theirs = rows.model(session, "theirs")
        theirs.team_id = session.scalars(select(Team.id).where(Team.name == "others")).one()
        theirs.name = "busy"
        session.flush()
        for model in (busy, theirs):
            workers.note_standing(session, model.id, ModelStanding(), now=now)

    assert set(figures(scraped(client), "standing_age_seconds")) == {
        ("busy", "default"),
        ("busy", "others"),
    }


def test_a_teams_spend_of_this_month_stands_beside_its_budget(
    client: TestClient, database: Database
) -> None:
    month = month_of(utc_now())
    before = month_of(rows.NOW)
    with database.write.begin() as session:
        session.execute(update(Team).values(monthly_budget_nano=5_000_000_000))
        session.add(TeamSpend(team_id=DEFAULT_ID, month=month, spent_nano=10**9, reserved_nano=500))
        session.add(TeamSpend(team_id=DEFAULT_ID, month=before, spent_nano=7 * 10**9))

    text = scraped(client)

    assert figures(text, "team_spend_usd") == {("default",): 1.0000005}
    assert figures(text, "team_budget_usd") == {("default",): 5}


def test_jobs_that_do_not_move_are_counted_by_why(
    client: TestClient, database: Database, busy: Model
) -> None:
    with database.write.begin() as session:
        session.execute(update(Run).values(moved_at=utc_now() - timedelta(minutes=2)))

    assert figures(scraped(client), "stalled_jobs")[("unexplained",)] == 1


def test_an_empty_service_has_figures_too(client: TestClient) -> None:
    text = scraped(client)

    assert figures(text, "oldest_due_seconds") == {(): 0}
    assert figures(text, "attempts_total") == {}
    assert figures(text, "tick_age_seconds") == {}


@pytest.mark.parametrize(
    ("header", "status"),
    [(None, 401), ("Bearer wrong", 401), (f"Bearer {METRICS_KEY}", 200)],
)
def test_figures_are_for_holders_of_a_key(
    settings: Settings, database: Database, header: str | None, status: int
) -> None:
    given = settings.model_copy(update={"metrics_key": SecretStr(METRICS_KEY)})
    headers = {} if header is None else {"Authorization": header}

    with TestClient(app_of(given), headers=headers) as client:
        assert client.get("/metrics").status_code == status
        assert client.get("/v1/jobs").status_code == 401


def test_scrapes_within_a_moment_cost_one_count(database: Database) -> None:
    now, asked = [0.0], []
    scrape = Scrape(clock=lambda: now[0])
    event.listen(database.engine, "before_cursor_execute", lambda *a: asked.append(a[2]))
    patience = timedelta(seconds=60)

    first = scrape.text(database, patience)
    count = len(asked)
    now[0] = 1.9
    second = scrape.text(database, patience)
    now[0] = 2.1
    scrape.text(database, patience)

    assert first == second
    assert count > 0
    assert len(asked) == 2 * count
