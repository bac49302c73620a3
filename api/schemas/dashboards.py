"""Bodies of /v1/dashboards."""

from datetime import datetime
from typing import Any, Self

from pydantic import AwareDatetime, Field

from api.schemas.base import Body
from core import dashboards, links
from core.bodies.dashboards import DashboardBody, LinkBody, LinkMadeBody
from core.rules.dashboards import MAX_PANELS, DashboardName, DashboardSpec, Panel, RunSelection
from core.tables import Dashboard, DashboardLink

EXAMPLE: dict[str, Any] = {
    "name": "Table 9",
    "selection": {"dataset": "rafdb"},
    "panels": [
        {"analysis": "main", "tables": ["main"]},
        {"analysis": "classes", "normalise": "rows"},
    ],
}


class DashboardCreate(DashboardSpec):
    """A view to be saved."""


class DashboardChange(Body):
    """What of a view is to be changed; each field is set whole."""

    name: DashboardName | None = None
    selection: RunSelection | None = None
    panels: tuple[Panel, ...] | None = Field(None, min_length=1, max_length=MAX_PANELS)

    def given(self) -> dict[str, Any]:
        """Return the fields that were sent."""
        sent = self.model_dump(mode="json", exclude_unset=True)
        return {name: value for name, value in sent.items() if value is not None}


class DashboardOut(DashboardBody):
    """A saved view."""

    @classmethod
    def of(cls, dashboard: Dashboard) -> Self:
        """Return a view as it is shown."""
        return cls(
            **dict(dashboards.spec_of(dashboard)),
            id=dashboard.id,
            version=dashboard.version,
            created_at=dashboard.created_at,
            created_by=dashboard.created_by,
            changed_at=dashboard.changed_at,
        )


class LinkCreate(Body):
    """A link to be made."""

    expires_at: AwareDatetime | None = Field(None, description="Within a year; null: in 30 days")


class LinkOut(LinkBody):
    """A link as it is shown; what opens it never is."""

    @classmethod
    def of(cls, link: DashboardLink, *, now: datetime) -> Self:
        """Return a link as it is shown."""
        return cls(
            id=link.id,
            created_at=link.created_at,
            created_by=link.key.name,
            expires_at=link.expires_at,
            revoked_at=link.revoked_at,
            open=links.is_open(link, now=now),
        )


class LinkMade(LinkMadeBody):
    """A new link."""

    @classmethod
    def made(cls, link: DashboardLink, url: str, *, now: datetime) -> Self:
        """Return a new link with its address."""
        return cls(**LinkOut.of(link, now=now).model_dump(), url=url)
