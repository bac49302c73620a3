"""Analyses as routes ask for them: found where they are kept, else computed and kept."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Annotated, Generic, TypeVar

import structlog
from fastapi import BackgroundTasks, Depends, Request
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from api.deps import DatabaseDep
from api.etags import unless_known
from api.schemas.analyses import SelectionQuery
from core.analyses import kept
from core.analyses.figures import Analysis
from core.analyses.selection import Selection
from core.db import Database, utc_now

log = structlog.get_logger(__name__)

Kind = TypeVar("Kind", bound=Analysis)


@dataclass(frozen=True)
class Answer(Generic[Kind]):
    """What an analysis answered, as it is sent and, if that is wanted, as an object."""

    kind: type[Kind]
    body: bytes
    """JSON."""

    @cached_property
    def analysis(self) -> Kind:
        """Return the answer as an object, to be shown in another format."""
        return self.kind.model_validate_json(self.body)


class Asked:
    """The runs that an analysis is over, and where its answer is found or stored."""

    def __init__(
        self,
        database: DatabaseDep,
        query: Annotated[SelectionQuery, Depends()],
        background: BackgroundTasks,
        request: Request,
    ) -> None:
        self._database = database
        self._selection = query.selection
        self._background = background
        self._request = request

    def answer(
        self,
        kind: type[Kind],
        analysis: Callable[[Session, Selection], Kind],
        name: str,
        **arguments: str,
    ) -> Answer[Kind]:
        """Return an analysis of the runs; `name` and `arguments` tell it from all others.

        Raises NotModified if the client has it.
        """
        body = answered(
            self._database,
            self._selection,
            analysis,
            (name, arguments),
            background=self._background,
            request=self._request,
        )
        return Answer(kind, body)


def answered(
    database: Database,
    selection: Selection,
    analysis: Callable[[Session, Selection], Analysis],
    named: tuple[str, Mapping[str, str]],
    *,
    background: BackgroundTasks,
    request: Request | None = None,
) -> bytes:
    """Return an analysis of some runs as JSON; its name and its arguments tell it from all others.

    One that was computed is stored after the response, so that nobody waits for the lock of
    another writer; and only if no run changed while it was computed. Whoever makes a `request` may
    have the answer already: then NotModified is raised.
    """
    name, arguments = named
    with database.read() as session:
        key = kept.key_of(session, selection, name, arguments)
        if key is not None and request is not None:
            unless_known(request, key)
        body = None if key is None else kept.find(session, key)
        if body is not None:
            return body
        body = analysis(session, selection).model_dump_json().encode()
        if key is not None and key == kept.key_of(session, selection, name, arguments):
            background.add_task(_keep, database, key, name, body)
    return body


AskedDep = Annotated[Asked, Depends()]


def _keep(database: Database, key: str, name: str, body: bytes) -> None:
    """Store an answer; a database that cannot be written to now costs speed, not the answer."""
    try:
        with database.write.begin() as session:
            kept.keep(session, key, name, body, now=utc_now())
    except OperationalError as error:
        log.warning("analysis_not_kept", analysis=name, reason=str(error.orig))
