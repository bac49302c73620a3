"""Messages to one address each: written, listed, sent again, taken back, forgotten."""

from collections import defaultdict
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import ColumnElement, and_, delete, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from core import paging
from core.bodies.webhooks import DeliveryBody, Message, TryBody
from core.errors import Conflict, NotFound
from core.rules.webhooks import OVER, DeliveryState
from core.tables import Delivery, DeliveryAttempt, Webhook

KEPT = timedelta(days=30)
"""How long one that is over is kept."""


@dataclass(frozen=True)
class Address:
    """Where a message goes."""

    team_id: UUID
    webhook_id: UUID | None
    """None: to the address that the job names."""
    job_id: UUID | None
    """The job that it is about."""


def write(
    session: Session, to: Address, message: Message, *, once: str | None = None, now: datetime
) -> Delivery:
    """Write a delivery; one under words that there is a delivery under already is dropped."""
    delivery = Delivery(
        team_id=to.team_id,
        webhook_id=to.webhook_id,
        job_id=to.job_id,
        event=message.type,
        once=once,
        body=message.model_dump_json(),
        not_before=now,
        created_at=now,
    )
    if once is None:
        session.add(delivery)
        session.flush()
    else:
        # Another process may see the same at this moment.
        with suppress(IntegrityError), session.begin_nested():
            session.add(delivery)
    return delivery


def redeliver(
    session: Session,
    delivery_id: UUID,
    *,
    webhook_id: UUID | None = None,
    job_id: UUID | None = None,
    now: datetime,
) -> Delivery:
    """Send a delivery of a webhook, or of a job's own address, once more, under the same id.

    One that waits for its next try goes now. Raises NotFound, and Conflict while one is under way
    or its webhook is switched off.
    """
    delivery = session.scalar(
        select(Delivery)
        .where(Delivery.id == delivery_id, _of(webhook_id, job_id))
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    if delivery is None:
        raise NotFound(f"there is no delivery {delivery_id} here; list them to see those there are")
    if delivery.state is DeliveryState.LEASED:
        raise Conflict("this delivery is being sent at this moment; ask again in a while")
    if webhook_id is not None and not session.get_one(Webhook, webhook_id).enabled:
        raise Conflict('this webhook is switched off; switch it on first: {"enabled": true}')
    delivery.state, delivery.tries = DeliveryState.DUE, 0
    delivery.not_before, delivery.finished_at = now, None
    session.flush()
    return delivery


def cancel(session: Session, webhook_id: UUID, *, now: datetime) -> None:
    """Let nothing go to a webhook that is not on its way already."""
    session.execute(
        update(Delivery)
        .where(Delivery.webhook_id == webhook_id, Delivery.state == DeliveryState.DUE)
        .values(state=DeliveryState.CANCELLED, finished_at=now)
    )


def forget(session: Session, which: ColumnElement[bool]) -> None:
    """Delete deliveries with their tries."""
    ids = select(Delivery.id).where(which)
    session.execute(delete(DeliveryAttempt).where(DeliveryAttempt.delivery_id.in_(ids)))
    session.execute(delete(Delivery).where(which))


def has_old(session: Session, *, now: datetime) -> bool:
    """Tell whether there are any that are kept no longer."""
    query = select(Delivery.id).where(Delivery.finished_at < now - KEPT)
    return session.scalar(query.limit(1)) is not None


def forget_old(session: Session, *, now: datetime) -> None:
    """Delete those that are kept no longer."""
    forget(session, Delivery.finished_at < now - KEPT)


def page(
    session: Session,
    *,
    webhook_id: UUID | None = None,
    job_id: UUID | None = None,
    after: paging.Key | None,
    limit: int,
) -> paging.Slice[Delivery]:
    """Return a page of the deliveries to a webhook, or to a job's own address; the latest first."""
    query = select(Delivery).where(_of(webhook_id, job_id))
    order = [Delivery.created_at, Delivery.id]
    return paging.fetch(session, query, order, after=after, limit=limit, newest_first=True)


def shown(session: Session, found: Sequence[Delivery]) -> dict[UUID, DeliveryBody]:
    """Return deliveries with their tries, as they are shown, by id."""
    tries: defaultdict[UUID, list[TryBody]] = defaultdict(list)
    rows = session.scalars(
        select(DeliveryAttempt)
        .where(DeliveryAttempt.delivery_id.in_([delivery.id for delivery in found]))
        .order_by(DeliveryAttempt.id)
    )
    for row in rows:
        tries[row.delivery_id].append(_shown(row))
    return {
        delivery.id: DeliveryBody(
            id=delivery.id,
            webhook_id=delivery.webhook_id,
            job_id=delivery.job_id,
            event=delivery.event,
            state=delivery.state,
            not_before=None if delivery.state in OVER else delivery.not_before,
            created_at=delivery.created_at,
            finished_at=delivery.finished_at,
            message=Message.model_validate_json(delivery.body),
            attempts=tries[delivery.id],
        )
        for delivery in found
    }


def _shown(row: DeliveryAttempt) -> TryBody:
    """Return a try as it is shown; what is not UTF-8 is replaced."""
    return TryBody(
        sent_at=row.sent_at,
        latency_s=row.latency_s,
        status=row.status,
        error=row.error,
        answer=row.answer.decode(errors="replace"),
    )


def _of(webhook_id: UUID | None, job_id: UUID | None) -> ColumnElement[bool]:
    """Return the condition that a delivery went to a webhook, or to the address of a job."""
    if webhook_id is not None:
        return Delivery.webhook_id == webhook_id
    return and_(Delivery.webhook_id.is_(None), Delivery.job_id == job_id)
