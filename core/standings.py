"""How the credentials of models stand, as workers saw it: stored, and read for people."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from core.limiter.interface import CredentialStatus
from core.rules.limits import DAY_S
from core.rules.specs import ModelSpec
from core.rules.waiting import Day, Told, advice, days_s
from core.tables import Model, Standing

INSERT: Mapping[str, Callable[..., Any]] = {
    "postgresql": postgresql.insert,
    "sqlite": sqlite.insert,
}


@dataclass(frozen=True)
class Wait:
    """A model as a whole has no room until then."""

    until: datetime
    reason: str


@dataclass(frozen=True)
class ModelStanding:
    """A model with the standing of each credential that was sent with."""

    spec: ModelSpec
    credentials: Sequence[Standing]

    def wait(self, now: datetime) -> Wait | None:
        """Return what the model waits for, if it waits."""
        found = [
            Wait(each.waits_until, each.waits_for or "")
            for each in self.credentials
            if each.waits_until is not None and each.waits_until > now
        ]
        return max(found, key=lambda wait: wait.until, default=None)

    def advice(self) -> list[str]:
        """Return what differs between what is configured and what the provider told."""
        told = [Told(s.credential, s.rpm_told, s.tpm_told, s.rpd_told) for s in self.credentials]
        return advice(self.spec.name, self.spec.limits, told)

    def days_s(self, requests: int, now: datetime) -> float:
        """Return the seconds that a limit a day makes so many requests take at least."""
        limits, keys = self.spec.limits, len(self.spec.credential_keys)
        rpds = [min(filter(None, (limits.rpd, s.rpd_told)), default=0) for s in self.credentials]
        if not rpds or not all(rpds):
            return 0.0
        wait = self.wait(now)
        resets_in_s = DAY_S if wait is None else (wait.until - now).total_seconds()
        limit = sum(rpds) + (keys - len(rpds)) * (limits.rpd or 0)
        used = limit if wait else sum(each.rpd_used for each in self.credentials)
        return days_s(requests, Day(limit, used, resets_in_s), limits.rpm and limits.rpm * keys)


def store(
    session: Session,
    model_id: UUID,
    statuses: Sequence[CredentialStatus],
    wait: Wait | None,
    *,
    now: datetime,
) -> None:
    """Write how a model's credentials stand; a worker that looked later is not overwritten."""
    insert = INSERT[session.get_bind().dialect.name](Standing)
    rows = [
        {
            "model_id": model_id,
            "credential": status.credential,
            "seen_at": now,
            "health": status.health,
            "until": status.until,
            "reason": status.reason,
            "in_flight": status.in_flight,
            "concurrency": status.concurrency,
            "rpm_used": status.rpm.used,
            "tpm_used": status.tpm.used,
            "rpd_used": status.rpd.used,
            "rpm_told": status.rpm.provider_limit,
            "tpm_told": status.tpm.provider_limit,
            "rpd_told": status.rpd.provider_limit,
            "waits_until": wait and wait.until,
            "waits_for": wait and wait.reason[:500],
        }
        for status in statuses
    ]
    given = insert.values(rows)
    session.execute(
        given.on_conflict_do_update(
            index_elements=["model_id", "credential"],
            set_={name: given.excluded[name] for name in rows[0] if name != "model_id"},
            where=Standing.seen_at <= given.excluded.seen_at,
        )
    )


def of_models(session: Session, ids: Collection[UUID]) -> Mapping[UUID, ModelStanding]:
    """Return how some models stand; a credential that is no longer theirs is left out."""
    specs = {
        model.id: ModelSpec.model_validate(model.spec)
        for model in session.scalars(select(Model).where(Model.id.in_(ids)))
    }
    rows = session.scalars(
        select(Standing).where(Standing.model_id.in_(ids)).order_by(Standing.credential)
    ).all()
    return {
        model_id: ModelStanding(
            spec,
            [r for r in rows if r.model_id == model_id and r.credential in spec.credential_keys],
        )
        for model_id, spec in specs.items()
    }
