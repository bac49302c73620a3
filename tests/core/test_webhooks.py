"""The outbox on both databases: written with what it tells of, told once, sent by one worker."""

from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from pathlib import Path
from threading import Barrier
from typing import Any
from uuid import UUID

import pytest
from pydantic import HttpUrl
from sqlalchemy import func, select, update

from core import deliveries, jobs, outbox, sending, webhooks
from core.bodies.webhooks import Message
from core.db import Database
from core.errors import Conflict, NotFound
from core.rules.budgets import Whose
from core.rules.stalls import Stall, StallCode
from core.rules.webhooks import MAX_TRIES, OVERLAP, Answer, DeliveryState, HookEvent
from core.sending import Parcel
from core.tables import Delivery, DeliveryAttempt, Job, Run
from core.vault import Vault
from tests.core.conftest import Queue
from tests.rows import LATER, NOW

MINUTE = timedelta(minutes=1)
TAKEN, REFUSED = Answer(status=200, body=b"ok"), Answer(status=500, error="answered 500")


@pytest.fixture
def vault(tmp_path: Path) -> Vault:
    return Vault("a key that is long enough for every secret", None)


def hook(
    database: Database, vault: Vault, *events: HookEvent, url: str = "https://a.example/"
) -> UUID:
    with database.write.begin() as session:
        made, _ = webhooks.create(session, vault, HttpUrl(url), events=events or None, now=NOW)
        return made.id


def told(database: Database) -> list[tuple[str, str | None]]:
    """Return what was written, by whom it goes to in the end, in order."""
    with database.read() as session:
        rows = session.scalars(select(Delivery).order_by(Delivery.created_at, Delivery.event))
        return [(row.event.value, str(row.webhook_id) if row.webhook_id else None) for row in rows]


def messages(database: Database) -> list[Message]:
    with database.read() as session:
        bodies = session.scalars(select(Delivery.body).order_by(Delivery.created_at))
        return [Message.model_validate_json(body) for body in bodies]


def lease(
    database: Database, *, owner: str = "me", slots: int = 9, now: datetime = NOW
) -> list[Parcel]:
    with database.write.begin() as session:
        return sending.lease(session, owner=owner, slots=slots, lasts=MINUTE, seed=0.0, now=now)


def settle(database: Database, parcel: Parcel, answer: Answer, *, now: datetime = NOW) -> bool:
    with database.write.begin() as session:
        return sending.settle(session, parcel.claim, answer, sent_at=now, seed=0.0, now=now)


def read(database: Database, delivery_id: UUID) -> Delivery:
    with database.read() as session:
        return session.get_one(Delivery, delivery_id)


def ping(database: Database, webhook_id: UUID, times: int = 1) -> None:
    with database.write.begin() as session:
        for _ in range(times):
            webhooks.ping(session, webhook_id, now=NOW)


def move(queue: Queue, verb: Any, now: datetime = NOW) -> None:
    with queue.database.write.begin() as session:
        verb(session, queue.job_id, now=now)


def test_where_a_job_comes_to_stand_is_told_to_those_who_want_it(
    queue: Queue, vault: Vault
) -> None:
    everything = hook(queue.database, vault)
    paused = hook(queue.database, vault, HookEvent.JOB_PAUSED, HookEvent.JOB_FAILED)
    with queue.database.write.begin() as session:
        session.get_one(Job, queue.job_id).webhook_url = "https://job.example/"

    move(queue, jobs.pause)
    move(queue, jobs.resume)
    move(queue, jobs.cancel, LATER)

    assert sorted(told(queue.database), key=str) == sorted(
        [
            *(("job.paused", to) for to in (str(everything), str(paused), None)),
            *(("job.cancelled", to) for to in (str(everything), None)),
        ],
        key=str,
    )
    last = messages(queue.database)[-1]
    assert last.timestamp == LATER
    assert last.data.reason == "cancelled by a person"
    assert last.data.job is not None
    assert (last.data.job.status, last.data.job.progress.pending) == ("cancelled", 10)
    assert last.data.job.finished_at == LATER


def test_what_did_not_happen_after_all_is_not_told(queue: Queue, vault: Vault) -> None:
    hook(queue.database, vault)

    with queue.database.write() as session:
        jobs.cancel(session, queue.job_id, now=NOW)
        assert session.scalar(select(func.count()).select_from(Delivery)) == 1
        session.rollback()

    assert told(queue.database) == []


def test_a_budget_is_told_of_once_for_each_amount_that_it_has(queue: Queue, vault: Vault) -> None:
    to = str(hook(queue.database, vault))

    def reach(budget: int) -> None:
        with queue.database.write.begin() as session:
            session.execute(update(Job).values(budget_nano=budget))
            jobs.stop(session, queue.run_id, "reached", over=Whose.JOB, now=NOW)
        move(queue, jobs.resume)

    for budget in (100, 100, 200):
        reach(budget)

    of_budget = [each for each in told(queue.database) if each[0] != "job.paused"]
    assert of_budget == [("job.budget_reached", to)] * 2


def test_a_team_s_budget_is_the_job_s_affair_and_the_team_s_whose_month_it_is_told_once_in(
    queue: Queue, vault: Vault
) -> None:
    to = str(hook(queue.database, vault))
    with queue.database.write.begin() as session:
        session.get_one(Job, queue.job_id).webhook_url = "https://job.example/"

    for now in (NOW, LATER):
        with queue.database.write.begin() as session:
            jobs.stop(session, queue.run_id, "reached", over=Whose.TEAM, now=now)
        move(queue, jobs.resume)

    of_budget = [each for each in told(queue.database) if "budget" in each[0]]
    assert sorted(of_budget, key=str) == sorted(
        [("job.budget_reached", to), ("job.budget_reached", None), ("team.budget_reached", to)],
        key=str,
    )
    (of_team,) = [m for m in messages(queue.database) if m.type == "team.budget_reached"]
    assert of_team.data.team is not None
    assert (of_team.data.team.name, of_team.data.team.month) == ("default", "2026-01")


def test_processes_that_see_a_standstill_at_once_tell_it_once(queue: Queue, vault: Vault) -> None:
    hook(queue.database, vault)
    stall, barrier = Stall(StallCode.LIMIT, NOW, None, "no room"), Barrier(3)

    def tell(since: datetime) -> None:
        barrier.wait()
        with queue.database.write.begin() as session:
            job = jobs.lock(session, queue.job_id)
            outbox.stalled(session, job, stall, since, now=LATER)

    with ThreadPoolExecutor(3) as pool:
        list(pool.map(tell, [NOW] * 3))
        list(pool.map(tell, [LATER] * 3))

    assert [event for event, _ in told(queue.database)] == ["job.stalled"] * 2
    stalled = messages(queue.database)[0].data
    assert stalled.reason == "no room"
    assert stalled.job is not None
    assert stalled.job.stalled is not None
    assert stalled.job.stalled.code is StallCode.LIMIT


def test_a_delivery_is_sent_by_one_worker_at_a_time(database: Database, vault: Vault) -> None:
    for number in range(4):
        ping(database, hook(database, vault, url=f"https://{number}.example/"), 2)
    barrier = Barrier(4)

    def take(owner: str) -> list[UUID]:
        barrier.wait()
        return [parcel.claim.delivery_id for parcel in lease(database, owner=owner, slots=8)]

    with ThreadPoolExecutor(4) as pool:
        taken = [each for found in pool.map(take, "abcd") for each in found]
    taken += [parcel.claim.delivery_id for parcel in lease(database)]

    assert len(taken) == len(set(taken)) == 8


def test_an_address_that_hangs_holds_up_no_other(database: Database, vault: Vault) -> None:
    slow, other = hook(database, vault), hook(database, vault, url="https://b.example/")
    ping(database, slow, 9)
    ping(database, other)

    first, second = lease(database), lease(database)

    assert sorted(parcel.url for parcel in first) == [
        *["https://a.example/"] * 4,
        "https://b.example/",
    ]
    assert second == []
    held_up = next(parcel for parcel in first if parcel.url == "https://a.example/")
    assert settle(database, held_up, TAKEN)
    assert len(lease(database)) == 1


def test_a_message_that_is_not_taken_comes_again_later_until_it_is(
    database: Database, vault: Vault
) -> None:
    ping(database, hook(database, vault))
    (first,) = lease(database)

    assert settle(database, first, REFUSED)
    assert lease(database, now=NOW + timedelta(seconds=2)) == []
    (second,) = lease(database, now=NOW + timedelta(seconds=3))
    assert settle(database, second, TAKEN, now=LATER)

    assert (first.claim.delivery_id, first.body) == (second.claim.delivery_id, second.body)
    delivery = read(database, first.claim.delivery_id)
    assert (delivery.state, delivery.finished_at) == (DeliveryState.DELIVERED, LATER)
    with database.read() as session:
        (shown,) = deliveries.shown(session, [delivery]).values()
    assert [(t.status, t.error, t.answer) for t in shown.attempts] == [
        (500, "answered 500", ""),
        (200, None, "ok"),
    ]


def test_a_delivery_is_given_up_in_the_end_and_a_person_may_send_it_again(
    database: Database, vault: Vault
) -> None:
    to = hook(database, vault)
    ping(database, to)
    now = NOW
    for _ in range(MAX_TRIES):
        (parcel,) = lease(database, now=now)
        settle(database, parcel, REFUSED, now=now)
        now += timedelta(hours=6)
    assert lease(database, now=now) == []
    key = parcel.claim.delivery_id
    assert read(database, key).state is DeliveryState.FAILED

    with database.write.begin() as session:
        deliveries.redeliver(session, key, webhook_id=to, now=now)
    (again,) = lease(database, now=now)

    assert (again.claim.delivery_id, again.claim.tries) == (key, 1)
    with database.write.begin() as session, pytest.raises(Conflict):
        deliveries.redeliver(session, key, webhook_id=to, now=now)
    with database.write.begin() as session, pytest.raises(NotFound):
        deliveries.redeliver(session, key, job_id=key, now=now)


def test_what_a_dead_worker_had_in_its_hands_is_sent_by_another_and_the_dead_settle_nothing(
    database: Database, vault: Vault
) -> None:
    ping(database, hook(database, vault))
    (lost,) = lease(database, owner="dead")
    after = NOW + MINUTE + timedelta(seconds=1)
    assert lease(database, owner="next", now=NOW + MINUTE) == []
    with database.read() as session:
        assert sending.any_due(session, now=after)

    assert lease(database, owner="next", now=after) == []  # it waits, as after any try
    (found,) = lease(database, owner="next", now=LATER)

    assert found.claim.tries == 2
    assert not settle(database, lost, TAKEN)
    assert settle(database, found, TAKEN)
    with database.read() as session:
        errors = session.scalars(select(DeliveryAttempt.error).order_by(DeliveryAttempt.id)).all()
    assert errors == [sending.LOST, None]


def test_a_webhook_that_is_switched_off_or_removed_is_told_nothing_more(
    queue: Queue, vault: Vault
) -> None:
    off, gone = hook(queue.database, vault), hook(queue.database, vault)
    ping(queue.database, off)
    ping(queue.database, gone, 2)
    under_way, *_ = lease(queue.database)

    with queue.database.write.begin() as session:
        webhooks.change(session, off, {"enabled": False}, now=NOW)
        webhooks.remove(session, gone)
    move(queue, jobs.cancel)

    settle(queue.database, under_way, REFUSED)
    assert {to for _, to in told(queue.database)} == {str(off)}
    assert [event for event, _ in told(queue.database)] == ["ping"]
    with queue.database.write.begin() as session, pytest.raises(Conflict):
        webhooks.ping(session, off, now=NOW)


def test_a_secret_that_is_renewed_signs_beside_the_old_one_for_a_day(
    database: Database, vault: Vault
) -> None:
    to = hook(database, vault)
    with database.write.begin() as session:
        _, secret = webhooks.renew_secret(session, vault, to, now=NOW)
        assert secret not in webhooks.get(session, to).secret
    ping(database, to, 2)

    first, _ = lease(database)
    settle(database, first, REFUSED)
    (later,) = lease(database, now=NOW + OVERLAP, slots=1)

    assert vault.open(first.sealed[0]) == secret
    assert len(first.sealed) == 2
    assert len(later.sealed) == 1


def test_what_is_over_is_forgotten_after_thirty_days(database: Database, vault: Vault) -> None:
    ping(database, hook(database, vault), 2)
    parcel, _ = lease(database)
    settle(database, parcel, TAKEN)
    late = NOW + deliveries.KEPT + MINUTE

    with database.write.begin() as session:
        assert not deliveries.has_old(session, now=NOW + deliveries.KEPT)
        assert deliveries.has_old(session, now=late)
        deliveries.forget_old(session, now=late)
        assert session.scalar(select(func.count()).select_from(Delivery)) == 1
        assert session.scalar(select(func.count()).select_from(DeliveryAttempt)) == 0


def test_a_team_has_no_more_webhooks_than_it_may(sqlite_database: Database, vault: Vault) -> None:
    for number in range(webhooks.MOST):
        hook(sqlite_database, vault, url=f"https://{number}.example/")

    with pytest.raises(Conflict):
        hook(sqlite_database, vault)


def test_runs_that_end_are_told_as_they_are_in_the_same_transaction(
    queue: Queue, vault: Vault
) -> None:
    hook(queue.database, vault, HookEvent.JOB_PAUSED)
    with queue.database.write.begin() as session:
        run = session.get_one(Run, queue.run_id)  # as it was, in this session's hands
        session.execute(update(Run).values(answered=7, reason=None))
        jobs.stop(session, run.id, "five rejections in a row", now=NOW)

    (message,) = messages(queue.database)
    assert message.data.reason == "five rejections in a row"
    assert message.data.job is not None
    assert (message.data.job.progress.answered, message.data.job.progress.pending) == (7, 3)
