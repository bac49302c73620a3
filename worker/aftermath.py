"""What settlements lead to beyond their own rows, each in a transaction of its own."""

from collections.abc import Iterable, Mapping
from uuid import UUID

from core import jobs
from core.db import Database, utc_now
from core.rules.canaries import Canary
from core.settling import Settlement
from core.spending import OverBudget


def follow_up(
    database: Database,
    settlements: Iterable[Settlement],
    tripped: Mapping[UUID, str],
    over: Mapping[UUID, OverBudget] | None = None,
) -> None:
    """Let go what waited for canaries that passed; pause the runs that have a reason to stop.

    A crash before it costs nothing but another canary, or another call that fails: whoever comes
    next finds out the same.
    """
    reasons = dict(tripped)
    for s in settlements:
        if s.canary is Canary.PASSED:
            with database.write.begin() as session:
                jobs.canary_passed(session, s.request.run_id, now=utc_now())
        elif s.canary is Canary.FAILED:
            reasons[s.request.run_id] = s.reason or ""
    for run_id, reason in reasons.items():
        with database.write.begin() as session:
            jobs.stop(session, run_id, reason, now=utc_now())
    for run_id, end in (over or {}).items():
        with database.write.begin() as session:
            jobs.stop(session, run_id, end.reason, over=end.whose, now=utc_now())
