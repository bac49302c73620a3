"""What is due in the outbox, brought to a real receiver on loopback, or kept from it."""

import hmac
import json
import re
import threading
from base64 import b64decode, b64encode
from collections.abc import Callable
from datetime import timedelta
from ipaddress import ip_network
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from pydantic import HttpUrl
from sqlalchemy import select, update

from core import deliveries, webhooks
from core.bodies.webhooks import DeliveryBody
from core.db import utc_now
from core.rules.webhooks import DeliveryState, HookEvent
from core.tables import Delivery, Job, JobSigner, Run, Webhook
from gerbench.endpoint.launch import LocalEndpoint
from tests.receivers import Told, answers, drops, hangs, receiving
from tests.worker.conftest import read, submit, work
from worker import deliver as delivering
from worker.app import DELIVER
from worker.courier import KEPT_BYTES, Courier
from worker.deliver import deliver
from worker.engine import Engine
from worker.standstill import tell_of_stalls
from worker.tasks import work_due

GUIDE = Path(__file__).parents[2] / "docs" / "guides" / "webhooks.md"
Serve = Callable[..., LocalEndpoint]


def hook(engine: Engine, url: str, *events: HookEvent, trusted: bool = True) -> tuple[UUID, str]:
    with engine.database.write.begin() as session:
        made, secret = webhooks.create(
            session,
            engine.vault,
            HttpUrl(url),
            events=events or None,
            trusted=trusted,
            now=utc_now(),
        )
        return made.id, secret


def ping(engine: Engine, webhook_id: UUID) -> None:
    with engine.database.write.begin() as session:
        webhooks.ping(session, webhook_id, now=utc_now())


def send(engine: Engine) -> None:
    """Send all that is due, what waits for its next try too."""
    with engine.database.write.begin() as session:
        session.execute(
            update(Delivery).where(Delivery.finished_at.is_(None)).values(not_before=utc_now())
        )
    engine.run(deliver(engine))


def shown(engine: Engine) -> list[DeliveryBody]:
    with engine.database.read() as session:
        found = session.scalars(select(Delivery).order_by(Delivery.created_at)).all()
        return list(deliveries.shown(session, found).values())


def verified(told: Told, secret: str) -> bool:
    """Verify a message by what the specification says, with nothing of ours."""
    key = b64decode(secret.removeprefix("whsec_"))
    moment = told.headers["webhook-timestamp"]
    signed = f"{told.id}.{moment}.".encode() + told.body
    expected = "v1," + b64encode(hmac.new(key, signed, "sha256").digest()).decode()
    return expected in told.headers["webhook-signature"].split()


def guide_verifies(secret: str, told: Told) -> bool:
    """Verify a message as the guide shows it."""
    block = re.compile(r"^```python\n(.*?)^```", re.MULTILINE | re.DOTALL)
    (snippet,) = block.findall(GUIDE.read_text("utf-8"))
    names: dict[str, Any] = {}
    exec(snippet, names)  # noqa: S102 - it is ours, and what readers will run
    found: bool = names["verify"](secret, told.headers, told.body)
    return found


def test_the_end_of_a_job_is_told_to_a_webhook_and_to_the_address_that_it_names(
    engine: Engine, serve: Serve
) -> None:
    run_id = submit(engine, serve().base_url)
    with receiving() as receiver:
        _, secret = hook(engine, receiver.url, HookEvent.JOB_COMPLETED)
        with engine.database.write.begin() as session:
            job_id = read(engine, run_id).job_id
            of_job = update(Job).where(Job.id == job_id)
            session.execute(of_job.values(webhook_url=receiver.url, webhook_trusted=True))
            webhooks.ensure_jobs_secret(session, engine.vault)

        run = work(engine, run_id)
        assert (DELIVER,) in work_due(engine, now=utc_now())
        engine.run(deliver(engine))
        assert (DELIVER,) not in work_due(engine, now=utc_now())

    with engine.database.read() as session:
        signer = session.scalars(select(JobSigner)).one()
    first, second = sorted(receiver.told, key=lambda told: not verified(told, secret))
    assert verified(second, engine.vault.open(signer.secret))
    assert not verified(second, secret)
    assert first.id != second.id
    body = json.loads(first.body)
    assert (body["type"], body["data"]["job"]["id"]) == ("job.completed", str(run.job_id))
    assert body["data"]["job"]["progress"]["answered"] == run.answered
    assert secret.encode() not in first.body
    assert [each.state for each in shown(engine)] == [DeliveryState.DELIVERED] * 2


def test_a_message_that_is_not_taken_comes_again_with_the_same_id_and_body(engine: Engine) -> None:
    released = threading.Event()
    long = answers(500, b"\xff" + b"x" * 100_000)
    with receiving(long, drops, hangs(released), answers(200, b"ok")) as receiver:
        engine.courier = Courier((), timeout_s=0.3)
        to, secret = hook(engine, receiver.url)
        ping(engine, to)
        for _ in range(4):
            send(engine)
        released.set()

    (delivery,) = shown(engine)
    assert delivery.state is DeliveryState.DELIVERED
    assert {told.id for told in receiver.told} == {str(delivery.id)}
    assert len({told.body for told in receiver.told}) == 1
    assert all(verified(told, secret) for told in receiver.told)
    assert all(guide_verifies(secret, told) for told in receiver.told)
    told = receiver.told[0]
    old = {**told.headers, "webhook-timestamp": "1614265330"}
    assert not guide_verifies(secret, Told(old, told.body))
    assert not guide_verifies(secret, Told(told.headers, told.body + b" "))
    assert not guide_verifies("whsec_" + "A" * 44, told)
    refused, dropped, hung, taken = delivery.attempts
    assert (refused.status, refused.error) == (500, "answered 500")
    assert len(refused.answer) == KEPT_BYTES
    assert (dropped.status, hung.status) == (None, None)
    assert hung.error == "no answer within 0.3 s"
    assert (taken.status, taken.error, taken.answer) == (200, None, "ok")


def test_a_receiver_that_asks_for_time_is_given_it(engine: Engine) -> None:
    with receiving(answers(503, retry_after="3600")) as receiver:
        ping(engine, hook(engine, receiver.url)[0])
        before = utc_now()
        send(engine)

    (delivery,) = shown(engine)
    assert delivery.not_before is not None
    assert delivery.not_before - before >= timedelta(hours=1)


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "localhost", "[::1]", "0x7f.1", "[::ffff:127.0.0.1]"]
)
def test_nothing_goes_to_this_machine_by_number_or_by_name(engine: Engine, host: str) -> None:
    with receiving() as receiver:
        url = receiver.url.replace("127.0.0.1", host)
        ping(engine, hook(engine, url, trusted=False)[0])
        send(engine)

    (delivery,) = shown(engine)
    assert receiver.told == []
    assert delivery.state is DeliveryState.DUE
    assert "GERBENCH_PRIVATE_WEBHOOKS" in (delivery.attempts[0].error or "")


def test_a_network_that_the_operator_allows_is_sent_to(engine: Engine) -> None:
    engine.courier = Courier((ip_network("127.0.0.0/8"),))
    with receiving() as receiver:
        ping(engine, hook(engine, receiver.url.replace("127.0.0.1", "localhost"), trusted=False)[0])
        send(engine)

    assert len(receiver.told) == 1


def test_a_redirect_is_not_followed(engine: Engine) -> None:
    with receiving() as inside, receiving(answers(307, location=inside.url)) as outside:
        ping(engine, hook(engine, outside.url)[0])
        send(engine)

    (delivery,) = shown(engine)
    assert (len(outside.told), inside.told) == (1, [])
    assert (delivery.attempts[0].status, delivery.state) == (307, DeliveryState.DUE)
    assert "redirects are not followed" in (delivery.attempts[0].error or "")


def test_a_secret_that_cannot_be_opened_is_told_and_nothing_is_sent_unsigned(
    engine: Engine,
) -> None:
    with receiving() as receiver:
        ping(engine, hook(engine, receiver.url)[0])
        with engine.database.write.begin() as session:
            session.execute(update(Webhook).values(secret="sealed with another key"))
        send(engine)

    assert receiver.told == []
    assert "GERBENCH_SECRET_KEY" in (shown(engine)[0].attempts[0].error or "")


def test_a_process_sends_with_one_loop_at_a_time(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(delivering, "LOOK_S", 0.01)
    released = threading.Event()
    with receiving(hangs(released), answers(204)) as receiver:
        to, _ = hook(engine, receiver.url)
        ping(engine, to)
        first = threading.Thread(target=engine.run, args=(deliver(engine),))
        first.start()
        while not receiver.told:
            assert first.is_alive()
        engine.run(deliver(engine))  # returns at once
        ping(engine, to)  # the loop that runs finds it
        while len(receiver.told) < 2:
            assert first.is_alive()
        released.set()
        first.join()

    assert len(receiver.told) == 2


def test_a_standstill_is_told_once_by_a_process_that_has_watched_it(
    engine: Engine, serve: Serve
) -> None:
    submit(engine, serve().base_url)
    with receiving() as receiver:
        hook(engine, receiver.url)
        patience = engine.watch.patience
        later = utc_now() + patience

        def look(now: timedelta) -> list[HookEvent]:
            tell_of_stalls(engine, now=later + now)
            return [each.event for each in shown(engine)]

        engine.watch.since = later
        assert look(timedelta(seconds=5)) == []
        engine.watch.since = later - patience
        assert look(timedelta(seconds=10)) == [HookEvent.JOB_STALLED]
        assert look(timedelta(seconds=20)) == [HookEvent.JOB_STALLED]
        with engine.database.write.begin() as session:
            session.execute(update(Run).values(moved_at=later + timedelta(seconds=30)))
        assert look(timedelta(seconds=40)) == [HookEvent.JOB_STALLED]
        assert look(timedelta(seconds=40) + 2 * patience) == [HookEvent.JOB_STALLED] * 2
        send(engine)

    body = json.loads(receiver.told[0].body)
    assert body["data"]["job"]["stalled"]["code"] == "no_worker"
    assert body["data"]["reason"] == body["data"]["job"]["stalled"]["detail"]
