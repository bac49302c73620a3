"""Saved views and their links as they are answered."""

from datetime import datetime
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from core.rules.dashboards import DashboardSpec


class DashboardBody(DashboardSpec):
    """A saved view."""

    model_config = ConfigDict(extra="ignore")
    """A service may say more than a client knows of."""

    id: UUID
    version: int = Field(description="Counts its changes, from 1")
    created_at: datetime
    created_by: str = Field(description="The name of the key that saved it")
    changed_at: datetime


class LinkBody(BaseModel):
    """A read-only link to one view; what opens it is never shown again."""

    id: UUID
    created_at: datetime
    created_by: str = Field(description="The name of the key that made it")
    expires_at: datetime
    revoked_at: datetime | None
    open: bool = Field(
        description="Not expired, not revoked, and neither is the key that it was made with"
    )


class LinkMadeBody(LinkBody):
    """A new link, with the one look at it that there is."""

    url: str = Field(description="Shown this once: who has it sees the view, and nothing else")
