"""Refusals: what the providers' security checks held back, and what that cost."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from core import datasets
from core.analyses import figures
from core.analyses.figures import PLACE, Analysis, Body, Place
from core.analyses.selection import Selection, chosen
from core.progress import RunDetail
from core.rules.money import dollars
from core.rules.statistics import Interval, wilson
from core.rules.tables import Column, Table
from core.tables import Attempt, Prediction, Request, Run, Sample
from core.vocabulary import Cause, Outcome, Result

LEDGER = 1000
"""Samples listed in the ledger; `refused_samples` counts all. Cases pages through every one."""


class RefusalShare(Place):
    """What was refused of one model under one condition on one dataset."""

    template: str
    runs: tuple[UUID, ...]
    samples: int
    refused: int
    share: float | None
    ci95: Interval | None
    """Wilson. Repeats over the same samples are counted as if they were independent."""
    extra_requests: int
    """Requests that exist because their parent was refused."""
    refused_attempts: int
    refused_usd: float | None
    """What the refused attempts cost; null where no price is known."""
    lost_usd: float | None
    """All that bought no prediction: refusals, retries, cut answers."""


class RefusedSample(Body):
    """A sample that was refused, alone in its request, in some of the runs."""

    dataset: str
    id: int
    name: str
    target: str | float
    """A label, or a number."""
    refused: int
    """Runs that ended with its refusal."""
    asked: int
    """Runs of the selection with an outcome for it."""
    models: tuple[str, ...]
    reason: str | None
    """What the provider said when it was last refused."""
    run_id: UUID
    """The run of that attempt."""
    attempt_id: int | None


class Refusals(Analysis):
    """Shares of refused samples, and the ledger of the samples."""

    shares: tuple[RefusalShare, ...]
    refused_samples: int
    """Distinct samples that any run was refused."""
    ledger: tuple[RefusedSample, ...]
    """The most often refused first, at most 1,000."""

    def tables(self) -> tuple[Table, ...]:
        """Return the shares, and the ledger."""
        shares = [
            (
                *s.cells(),
                s.template,
                s.samples,
                s.refused,
                s.share,
                s.ci95,
                s.extra_requests,
                s.refused_attempts,
                s.refused_usd,
                s.lost_usd,
            )
            for s in self.shares
        ]
        ledger = [
            (r.dataset, r.name, r.target, r.refused, r.asked, ", ".join(r.models), r.reason)
            for r in self.ledger
        ]
        return (
            Table("refusals", "Refusals", _SHARES, shares),
            Table("ledger", "Refused samples", _LEDGER, ledger),
        )


_SHARES = (
    *PLACE,
    Column("template"),
    Column("samples", "count"),
    Column("refused", "count"),
    Column("share", "share"),
    Column("95 % interval", "share", interval=True),
    Column("extra requests", "count"),
    Column("refused attempts", "count"),
    Column("cost of refusals USD", "money"),
    Column("lost USD", "money"),
)
_LEDGER = (
    Column("dataset"),
    Column("sample"),
    Column("target"),
    Column("refused", "count"),
    Column("asked", "count"),
    Column("models"),
    Column("reason", verbatim=True),
)


def refusals(session: Session, selection: Selection) -> Refusals:
    """Return how much was refused where, which samples, and what the refusals cost."""
    details = chosen(session, selection)
    ids = [detail.run.id for detail in details]
    requests = _counted(session, ids)
    shares = [_share(group, requests) for group in figures.grouped(details).values()]
    count, ledger = _ledger(session, {detail.run.id: detail for detail in details})
    return Refusals(shares=tuple(shares), refused_samples=count, ledger=ledger)


def _counted(session: Session, ids: Sequence[UUID]) -> dict[UUID, tuple[int, int, int]]:
    """Return of each run its extra requests, its refused attempts, and what these cost."""
    extra: dict[UUID, int] = dict(
        session.execute(
            select(Request.run_id, func.count())
            .where(Request.run_id.in_(ids), Request.cause == Cause.REFUSAL)
            .group_by(Request.run_id)
        ).all()
    )
    attempts = {
        run_id: (count, int(nano or 0))
        for run_id, count, nano in session.execute(
            select(Attempt.run_id, func.count(), func.sum(Attempt.cost_nano))
            .where(Attempt.run_id.in_(ids), Attempt.result == Result.REFUSED)
            .group_by(Attempt.run_id)
        )
    }
    return {run_id: (extra.get(run_id, 0), *attempts.get(run_id, (0, 0))) for run_id in ids}


def _share(group: Sequence[RunDetail], counted: dict[UUID, tuple[int, int, int]]) -> RefusalShare:
    runs = [detail.run for detail in group]
    samples = sum(run.answered + run.refused + run.unparsed + run.failed for run in runs)
    refused = sum(run.refused for run in runs)
    extra, attempts, nano = (sum(counted[run.id][i] for run in runs) for i in range(3))
    priced = all(detail.priced for detail in group)
    return RefusalShare(
        **figures.place(group[0]),
        template=str(runs[0].condition.get("template") or ""),
        runs=tuple(run.id for run in runs),
        samples=samples,
        refused=refused,
        share=refused / samples if samples else None,
        ci95=wilson(refused, samples),
        extra_requests=extra,
        refused_attempts=attempts,
        refused_usd=dollars(nano) if priced else None,
        lost_usd=dollars(sum(run.lost_nano for run in runs)) if priced else None,
    )


def _ledger(
    session: Session, details: dict[UUID, RunDetail]
) -> tuple[int, tuple[RefusedSample, ...]]:
    refused = (Prediction.run_id.in_(details), Prediction.outcome == Outcome.REFUSED)
    times = func.count()
    ranked = (
        select(Prediction.sample_id, times)
        .where(*refused)
        .group_by(Prediction.sample_id)
        .order_by(times.desc(), Prediction.sample_id)
    )
    count = session.scalar(select(func.count()).select_from(ranked.order_by(None).subquery()))
    wanted: dict[int, int] = dict(session.execute(ranked.limit(LEDGER)).all())
    asked: dict[int, int] = dict(
        session.execute(
            select(Prediction.sample_id, func.count())
            .where(Prediction.run_id.in_(details), Prediction.sample_id.in_(wanted))
            .group_by(Prediction.sample_id)
        ).all()
    )
    rows: dict[int, list[Any]] = {}
    query = (
        select(Prediction.sample_id, Sample.name, Sample.target, Sample.target_number)
        .add_columns(Prediction.run_id, Attempt.id, Attempt.reason)
        .join(Sample, Sample.id == Prediction.sample_id)
        .join(Run, Run.id == Prediction.run_id)
        .outerjoin(Attempt, Attempt.id == Prediction.attempt_id)
        .where(*refused, Prediction.sample_id.in_(wanted))
        .order_by(Run.created_at, Run.position)
    )
    for row in session.execute(query):
        rows.setdefault(row.sample_id, []).append(row)
    return count or 0, tuple(
        _entry(rows[sample], details, refused=times_, asked=asked[sample])
        for sample, times_ in wanted.items()
    )


def _entry(
    rows: Sequence[Any], details: dict[UUID, RunDetail], *, refused: int, asked: int
) -> RefusedSample:
    last = rows[-1]
    return RefusedSample(
        dataset=datasets.version(details[last.run_id].dataset),
        id=last.sample_id,
        name=last.name,
        target=last.target_number if last.target is None else last.target,
        refused=refused,
        asked=asked,
        models=tuple(sorted({details[row.run_id].model for row in rows})),
        reason=last.reason,
        run_id=last.run_id,
        attempt_id=last.id,
    )
