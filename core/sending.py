"""The outbox, worked off: deliveries leased, tried, settled, and taken back from the dead."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import ColumnElement, Select, and_, case, exists, func, or_, select, update
from sqlalchemy.orm import Session

from core.queries import exactly
from core.rules.webhooks import OVER, Answer, DeliveryState, Next, after
from core.tables import Delivery, DeliveryAttempt, Job, JobSigner, Webhook
from core.tables.webhooks import Signing

AT_ONCE = 4
"""Tries under way to one address: a receiver that hangs must not hold up the others."""
LOST = "the worker died before the answer: it may have been received"


Now = datetime | ColumnElement[datetime]
"""The moment itself, or a parameter in its place."""


@dataclass(frozen=True)
class Claim:
    """A try that a worker has in its hands; nobody else settles it."""

    delivery_id: UUID
    owner: str
    tries: int
    """This one included."""


@dataclass(frozen=True)
class Parcel:
    """A delivery to send, and all that it takes."""

    claim: Claim
    url: str
    trusted: bool
    sealed: tuple[str, ...]
    """The secrets to sign with; none where there is none any more."""
    body: str


def _ready(now: Now) -> ColumnElement[bool]:
    """Return the condition that a delivery may be sent now."""
    return and_(exactly(Delivery.state, DeliveryState.DUE), Delivery.not_before <= now)


def _abandoned(now: Now) -> ColumnElement[bool]:
    """Return the condition that the worker that sends a delivery is gone."""
    return and_(exactly(Delivery.state, DeliveryState.LEASED), Delivery.leased_until < now)


def some_due(now: Now) -> ColumnElement[bool]:
    """Return whether there is something to send now."""
    return exists().where(Delivery.finished_at.is_(None), or_(_ready(now), _abandoned(now)))


def any_due(session: Session, *, now: datetime) -> bool:
    """Tell whether there is something to send now."""
    return bool(session.scalar(select(some_due(now))))


def lease(
    session: Session, *, owner: str, slots: int, lasts: timedelta, seed: float, now: datetime
) -> list[Parcel]:
    """Take deliveries to send now, the longest waiting first, a few to each address.

    Those of workers that died are taken back first.
    """
    rescue(session, expired_before=now, seed=seed, now=now)
    ids = session.scalars(_fair(slots, now)).all()
    if not ids:
        return []
    query = select(Delivery).where(Delivery.id.in_(ids), _ready(now)).order_by(Delivery.id)
    taken = session.scalars(query.with_for_update(skip_locked=True)).all()
    for delivery in taken:
        delivery.state = DeliveryState.LEASED
        delivery.tries += 1
        delivery.leased_by, delivery.leased_until = owner, now + lasts
    session.flush()
    return [_parcel(session, delivery, now) for delivery in taken]


def _fair(slots: int, now: datetime) -> Select[UUID]:
    """Return the ids of deliveries to lease: those under way count for their address."""
    leased = exactly(Delivery.state, DeliveryState.LEASED)
    place = func.row_number().over(
        partition_by=func.coalesce(Delivery.webhook_id, Delivery.job_id),
        order_by=(case((leased, 0), else_=1), Delivery.not_before, Delivery.id),
    )
    open_ = (
        select(Delivery.id, Delivery.state, Delivery.not_before, place.label("place"))
        .where(Delivery.finished_at.is_(None), or_(_ready(now), leased))
        .subquery()
    )
    return (
        select(open_.c.id)
        .where(open_.c.state == DeliveryState.DUE, open_.c.place <= AT_ONCE)
        .order_by(open_.c.not_before, open_.c.id)
        .limit(slots)
    )


def _parcel(session: Session, delivery: Delivery, now: datetime) -> Parcel:
    """Return a delivery with where it goes and what signs it, as these are now."""
    signing: Signing | None
    if delivery.webhook_id is not None:
        hook = session.get_one(Webhook, delivery.webhook_id)
        url, trusted, signing = hook.url, hook.trusted, hook
    else:
        job = session.get_one(Job, delivery.job_id)
        url, trusted = job.webhook_url or "", job.webhook_trusted
        signing = session.get(JobSigner, delivery.team_id)
    sealed = () if signing is None else _secrets(signing, now)
    return Parcel(_claim(delivery), url, trusted, sealed, delivery.body)


def _claim(delivery: Delivery) -> Claim:
    """Return what is known of whoever sends a delivery."""
    return Claim(delivery.id, delivery.leased_by or "", delivery.tries)


def _secrets(signing: Signing, now: datetime) -> tuple[str, ...]:
    """Return the secrets that sign now, the newest first."""
    old = signing.old_secret
    if old is None or signing.old_until is None or signing.old_until <= now:
        return (signing.secret,)
    return (signing.secret, old)


def settle(
    session: Session,
    claim: Claim,
    answer: Answer,
    *,
    sent_at: datetime,
    seed: float,
    now: datetime,
) -> bool:
    """Store what came of a try and what follows, if it is still this worker's; tell whether."""
    mine = (
        Delivery.id == claim.delivery_id,
        Delivery.state == DeliveryState.LEASED,
        Delivery.leased_by == claim.owner,
        Delivery.tries == claim.tries,
    )
    moved = _move(session, mine, after(answer, claim.tries, seed=seed), now)
    if moved:
        session.add(
            DeliveryAttempt(
                delivery_id=claim.delivery_id,
                sent_at=sent_at,
                latency_s=answer.latency_s,
                status=answer.status,
                error=answer.error,
                answer=answer.body,
            )
        )
        session.flush()
    return moved


def _move(
    session: Session, where: Sequence[ColumnElement[bool]], then: Next, now: datetime
) -> bool:
    """Move a delivery on; tell whether it stood where it may be moved from."""
    moved = session.scalar(
        update(Delivery)
        .where(*where)
        .values(
            state=then.state,
            not_before=now + then.wait,
            leased_by=None,
            leased_until=None,
            finished_at=now if then.state in OVER else None,
        )
        .returning(Delivery.id)
    )
    return moved is not None


def rescue(
    session: Session, *, expired_before: datetime | None, seed: float, now: datetime
) -> None:
    """Take back deliveries whose worker died; None takes all, as where one process just started.

    The try counts, so that a message which kills its worker is given up in the end.
    """
    query = select(Delivery).where(exactly(Delivery.state, DeliveryState.LEASED))
    if expired_before is not None:
        query = query.where(Delivery.leased_until < expired_before)
    for lost in session.scalars(query.order_by(Delivery.id).with_for_update(skip_locked=True)):
        answer = Answer(error=LOST)
        settle(session, _claim(lost), answer, sent_at=lost.not_before, seed=seed, now=now)
