"""What happens to jobs, written down for whoever wants to be told, where it happens.

A delivery is committed with the change that it tells of, or not at all. What several processes
may see is told under words that only the first of them can write.
"""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import exists, or_, select
from sqlalchemy.orm import Session

from core import datasets, deliveries, progress, teams
from core.bodies.webhooks import JobNews, Message, News, TeamNews
from core.bodies.work import StallOut
from core.deliveries import Address
from core.progress import RunDetail
from core.rules.budgets import Budget, Whose, month_of
from core.rules.stalls import Stall
from core.rules.states import Status
from core.rules.webhooks import HookEvent
from core.tables import Delivery, Job, Run, Webhook

OF_STATUS = {
    Status.COMPLETED: HookEvent.JOB_COMPLETED,
    Status.FAILED: HookEvent.JOB_FAILED,
    Status.CANCELLED: HookEvent.JOB_CANCELLED,
    Status.PAUSED: HookEvent.JOB_PAUSED,
}
"""Where a job may come to stand that somebody wants to know of."""


def moved(session: Session, job: Job, *, now: datetime) -> None:
    """Tell where a job has come to stand, in the transaction that moved it."""
    if (event := OF_STATUS.get(job.status)) is not None:
        _tell(session, job, event, to=_targets(session, job, event), now=now)


def budget_reached(session: Session, job: Job, whose: Whose, reason: str, *, now: datetime) -> None:
    """Tell that a call of a job does not fit a budget; once for each amount that the budget has.

    The job is held. A budget of the team is told of twice: as the job's affair, and as the team's.
    """
    own = Budget(job.budget_nano, job.budget_requests)
    team = teams.get(session, job.team_id)
    month = month_of(now)
    shared = Budget(team.monthly_budget_nano, team.monthly_budget_requests)
    amount = str(own) if whose is Whose.JOB else f"{month} {shared}"
    event = HookEvent.JOB_BUDGET_REACHED
    to = _untold(session, _targets(session, job, event), f"{event} {job.id} {amount}")
    news = News(reason=reason, budget=whose)
    _tell(session, job, event, to=to, news=news, now=now)
    if whose is Whose.TEAM:
        event = HookEvent.TEAM_BUDGET_REACHED
        to = _untold(session, _targets(session, job, event), f"{event} {team.id} {amount}")
        about = TeamNews(id=team.id, name=team.name, month=f"{month:%Y-%m}")
        news = News(reason=reason, team=about)
        _tell(session, job, event, to=to, news=news, now=now)


def wants_stall(session: Session, job: Job, since: datetime) -> bool:
    """Tell whether there is anybody who has not been told that a job stands still since then."""
    return bool(_unaware(session, job, since))


def stalled(session: Session, job: Job, stall: Stall, since: datetime, *, now: datetime) -> None:
    """Tell that nothing is answered in a job; once for each moment since which it stands still."""
    to, news = _unaware(session, job, since), News(reason=stall.detail)
    _tell(session, job, HookEvent.JOB_STALLED, to=to, news=news, stall=stall, now=now)


def anyone_listens(session: Session) -> bool:
    """Tell whether there is anybody to tell that a job does not move."""
    hook = exists().where(Webhook.enabled)
    named = exists().where(Job.webhook_url.is_not(None), Job.finished_at.is_(None))
    return bool(session.scalar(select(or_(hook, named))))


Target = tuple[UUID | None, str | None]
"""A webhook, or None for the address that the job names; and the words to tell it once under."""


def _targets(session: Session, job: Job, event: HookEvent) -> list[Target]:
    """Return whom to tell, held so that none is deleted before it is told."""
    hooks = session.scalars(
        select(Webhook)
        .where(Webhook.team_id == job.team_id, Webhook.enabled)
        .order_by(Webhook.id)
        .with_for_update(read=True, key_share=True)
    )
    to: list[Target] = [
        (hook.id, None) for hook in hooks if hook.events is None or event.value in hook.events
    ]
    if job.webhook_url is not None and event is not HookEvent.TEAM_BUDGET_REACHED:
        to.append((None, None))
    return to


def _unaware(session: Session, job: Job, since: datetime) -> list[Target]:
    """Return whom to tell that a job stands still since a moment."""
    event = HookEvent.JOB_STALLED
    words = f"{event} {job.id} {since.isoformat()}"
    return _untold(session, _targets(session, job, event), words)


def _untold(session: Session, to: Sequence[Target], words: str) -> list[Target]:
    """Return those who have not been told of something under these words."""
    keyed = {f"{words} {webhook_id or 'job'}": webhook_id for webhook_id, _ in to}
    told = set(session.scalars(select(Delivery.once).where(Delivery.once.in_(keyed))))
    return [(webhook_id, once) for once, webhook_id in keyed.items() if once not in told]


def _tell(
    session: Session,
    job: Job,
    event: HookEvent,
    *,
    to: Sequence[Target],
    news: News | None = None,
    stall: Stall | None = None,
    now: datetime,
) -> None:
    """Write what happened for each of some targets; nothing is read where there is none."""
    if not to:
        return
    runs = _runs(session, job)
    told = news or News(reason=next((d.run.reason for d in runs if d.run.reason), None))
    data = told.model_copy(update={"job": _job(job, runs, stall)})
    message = Message(type=event, timestamp=now, data=data)
    for webhook_id, once in to:
        where = Address(job.team_id, webhook_id, job.id)
        deliveries.write(session, where, message, once=once, now=now)


def _runs(session: Session, job: Job) -> list[RunDetail]:
    """Return a job's runs as this transaction has left them."""
    session.flush()
    found = session.scalars(
        select(Run)
        .where(Run.job_id == job.id)
        .order_by(Run.position)
        .execution_options(populate_existing=True)
    )
    return progress.of_runs(session, found.all())


def _job(job: Job, runs: Sequence[RunDetail], stall: Stall | None) -> JobNews:
    """Return how a job is now."""
    return JobNews(
        id=job.id,
        status=job.status,
        dataset=datasets.version(runs[0].dataset),
        tags=job.submission["tags"],
        progress=progress.progress_of(runs),
        cost=progress.cost_of(runs),
        created_at=job.created_at,
        started_at=job.started_at,
        finished_at=job.finished_at,
        stalled=None if stall is None else StallOut.model_validate(stall),
    )
