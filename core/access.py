"""Who asks, and what of the database they see: the one place where teams are kept apart.

A session that is opened for a caller leaves out of every query what belongs to other teams,
whichever use case asks it, so that no use case can forget to. To a caller what is another team's
does not exist: its ids answer 404. Sessions without a caller, such as the worker's, see all.
"""

from dataclasses import dataclass
from functools import lru_cache
from uuid import UUID

from sqlalchemy import event, or_
from sqlalchemy.orm import LoaderCriteriaOption, ORMExecuteState, Session, with_loader_criteria

from core.db import Database
from core.errors import Forbidden
from core.tables import ApiKey
from core.tables.teams import DEFAULT_ID, OfTeam, OfTeamOrAll
from core.vocabulary import Role

CALLER = "caller"
"""Where a session's `info` has who opened it."""
EVERY_TEAM = {"every_team": True}
"""Execution options of a query that an operator may ask about all teams."""


@dataclass(frozen=True)
class Caller:
    """Who asks: a key, and what it may do in its team."""

    team_id: UUID
    key_id: UUID
    key_name: str
    role: Role
    operator: bool = False
    """Whether it may also do what concerns all teams."""

    @classmethod
    def of(cls, key: ApiKey) -> "Caller":
        """Return the caller that a key makes."""
        return cls(key.team_id, key.id, key.name, key.role, key.operator)


class CallersSession(Session):
    """A session that sees what its caller may see; its caller is in its `info`."""


def seen_by(database: Database, caller: Caller) -> Database:
    """Return the database as a caller sees it."""
    return Database(database.engine, CallersSession, {CALLER: caller})


def caller_of(session: Session) -> Caller | None:
    """Return who opened a session; None for the service itself."""
    found = session.info.get(CALLER)
    return found if isinstance(found, Caller) else None


def team_of(session: Session) -> UUID:
    """Return the team that what a session makes belongs to; without a caller the default one."""
    caller = caller_of(session)
    return DEFAULT_ID if caller is None else caller.team_id


def team_or_all(session: Session) -> UUID | None:
    """Return whose it is what a session publishes: everyone's if an operator does, or nobody."""
    caller = caller_of(session)
    return None if caller is None or caller.operator else caller.team_id


def require_operator(caller: Caller, what: str) -> None:
    """Raise Forbidden unless the caller is an operator."""
    if not caller.operator:
        raise Forbidden(f"{what} takes an operator's key, such as the one in admin.key")


@event.listens_for(CallersSession, "do_orm_execute")
def _leave_out_others(state: ORMExecuteState) -> None:
    """Add to a query that the rows are the caller's team's, or everyone's.

    What is loaded by way of rows that were found is given the same criteria by SQLAlchemy.
    """
    if state.execution_options.get("every_team"):
        return
    if not (state.is_insert or state.is_column_load or state.is_relationship_load):
        criteria = _criteria(team_of(state.session))
        state.statement = state.statement.options(*criteria)


@lru_cache(maxsize=1024)
def _criteria(team_id: UUID) -> tuple[LoaderCriteriaOption, LoaderCriteriaOption]:
    """Return what is asked of every row for a team; to make it takes twice as long as to use it."""
    return (
        with_loader_criteria(OfTeam, lambda cls: cls.team_id == team_id, include_aliases=True),
        with_loader_criteria(
            OfTeamOrAll,
            lambda cls: or_(cls.team_id == team_id, cls.team_id.is_(None)),
            include_aliases=True,
        ),
    )
