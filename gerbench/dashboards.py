"""Saved views and their links as a program handles them, waiting or in asyncio."""

from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from core.bodies.dashboards import DashboardBody, LinkBody, LinkMadeBody
from gerbench.aio import AsyncClient
from gerbench.client import Client
from gerbench.peer import Json, given, path

Panel = str | Mapping[str, Any]
"""The name of an analysis, or a panel as the API takes it."""


def body(name: str, panels: Sequence[Panel], selection: Mapping[str, Any]) -> Json:
    """Return a view as it is sent."""
    return {"name": name, "selection": _sent(selection), "panels": _panels(panels)}


def changed(changes: Mapping[str, Any]) -> Json:
    """Return the fields of a view that are to be set, as they are sent."""
    fields = dict(changes)
    if "panels" in fields:
        fields["panels"] = _panels(fields["panels"])
    if "selection" in fields:
        fields["selection"] = _sent(fields["selection"])
    return fields


def lasting(expires_at: datetime | None) -> Json:
    """Return the body that makes a link."""
    return {} if expires_at is None else {"expires_at": expires_at.astimezone().isoformat()}


def _panels(panels: Sequence[Panel]) -> list[Json]:
    return [{"analysis": each} if isinstance(each, str) else dict(each) for each in panels]


def _sent(selection: Mapping[str, Any]) -> Json:
    fields = given(selection)
    if "runs" in fields:
        fields["runs"] = [str(run) for run in fields["runs"]]
    if "job" in fields:
        fields["job"] = str(fields["job"])
    return fields


class Dashboards:
    """The saved views of a team."""

    def __init__(self, client: Client) -> None:
        self._client = client

    def save(self, name: str, panels: Sequence[Panel], **selection: Any) -> DashboardBody:
        """Save a view; `selection` is runs, job, dataset, model or task, as analyses take them."""
        made = self._client.post(path("dashboards"), body(name, panels, selection))
        return DashboardBody.model_validate(made)

    def get(self, view: UUID | str) -> DashboardBody:
        """Return a view, by its id or its name."""
        return DashboardBody.model_validate(self._client.repeat("GET", path("dashboards", view)))

    def list(self) -> Iterator[DashboardBody]:
        """Yield the views, by name."""
        for item in self._client.items(path("dashboards")):
            yield DashboardBody.model_validate(item)

    def change(self, view: UUID | str, **changes: Any) -> DashboardBody:
        """Set some of a view's name, selection and panels, each of them whole."""
        made = self._client.patch(path("dashboards", view), changed(changes))
        return DashboardBody.model_validate(made)

    def remove(self, view: UUID | str) -> None:
        """Remove a view, and close its links; the runs stay."""
        self._client.delete(path("dashboards", view))

    def share(self, view: UUID | str, *, expires_at: datetime | None = None) -> LinkMadeBody:
        """Make a read-only link; its `url` is told this once. Without an end it lasts 30 days."""
        made = self._client.post(path("dashboards", view, "links"), lasting(expires_at))
        return LinkMadeBody.model_validate(made)

    def links(self, view: UUID | str) -> Iterator[LinkBody]:
        """Yield the links to a view, the latest first."""
        for item in self._client.items(path("dashboards", view, "links")):
            yield LinkBody.model_validate(item)

    def revoke(self, view: UUID | str, link: UUID | str) -> None:
        """Close a link."""
        self._client.delete(path("dashboards", view, "links", link))


class AsyncDashboards:
    """The saved views of a team."""

    def __init__(self, client: AsyncClient) -> None:
        self._client = client

    async def save(self, name: str, panels: Sequence[Panel], **selection: Any) -> DashboardBody:
        """Save a view; `selection` is runs, job, dataset, model or task, as analyses take them."""
        made = await self._client.post(path("dashboards"), body(name, panels, selection))
        return DashboardBody.model_validate(made)

    async def get(self, view: UUID | str) -> DashboardBody:
        """Return a view, by its id or its name."""
        found = await self._client.repeat("GET", path("dashboards", view))
        return DashboardBody.model_validate(found)

    async def list(self) -> AsyncIterator[DashboardBody]:
        """Yield the views, by name."""
        async for item in self._client.items(path("dashboards")):
            yield DashboardBody.model_validate(item)

    async def change(self, view: UUID | str, **changes: Any) -> DashboardBody:
        """Set some of a view's name, selection and panels, each of them whole."""
        made = await self._client.patch(path("dashboards", view), changed(changes))
        return DashboardBody.model_validate(made)

    async def remove(self, view: UUID | str) -> None:
        """Remove a view, and close its links; the runs stay."""
        await self._client.delete(path("dashboards", view))

    async def share(self, view: UUID | str, *, expires_at: datetime | None = None) -> LinkMadeBody:
        """Make a read-only link; its `url` is told this once. Without an end it lasts 30 days."""
        made = await self._client.post(path("dashboards", view, "links"), lasting(expires_at))
        return LinkMadeBody.model_validate(made)

    async def links(self, view: UUID | str) -> AsyncIterator[LinkBody]:
        """Yield the links to a view, the latest first."""
        async for item in self._client.items(path("dashboards", view, "links")):
            yield LinkBody.model_validate(item)

    async def revoke(self, view: UUID | str, link: UUID | str) -> None:
        """Close a link."""
        await self._client.delete(path("dashboards", view, "links", link))
