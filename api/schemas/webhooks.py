"""Bodies of /v1/webhooks."""

from typing import Annotated, Any, Self

from pydantic import ConfigDict, Field, StringConstraints

from api.schemas.base import Body
from core.bodies.webhooks import SecretBody, WebhookBody, WebhookMadeBody
from core.rules.specs import HookUrl
from core.rules.webhooks import HookEvent
from core.tables import Webhook
from core.tables.webhooks import Signing

EXAMPLE: dict[str, Any] = {
    "url": "https://lab.example/gerbench",
    "events": ["job.completed", "job.failed", "job.budget_reached"],
}

Events = Annotated[tuple[HookEvent, ...], Field(min_length=1, max_length=50)]
Description = Annotated[str, StringConstraints(max_length=200, pattern=r"^[^\x00-\x1f\x7f]*$")]


class WebhookCreate(Body):
    """A webhook to be made."""

    url: HookUrl
    description: Description = Field("", description="What for")
    events: Events | None = Field(None, description="null: all of them")


class WebhookChange(Body):
    """What changes of a webhook; what is left out stays."""

    model_config = ConfigDict(json_schema_extra={"example": {"enabled": False}})

    url: HookUrl | None = Field(None, description="null: as it is")
    description: Description = ""
    events: Events | None = Field(None, description="null: all of them")
    enabled: bool = True

    def given(self) -> dict[str, Any]:
        """Return only what was sent, as it is stored."""
        sent = {name: getattr(self, name) for name in self.model_fields_set - {"url"}}
        return sent if self.url is None else {**sent, "url": str(self.url)}


class WebhookOut(WebhookBody):
    """A webhook as it is shown; its secret never is."""

    @classmethod
    def of(cls, hook: Webhook) -> Self:
        """Return a webhook as it is shown."""
        return cls.model_validate(hook)


class WebhookMade(WebhookMadeBody):
    """A new webhook, with the one look at its secret that there is."""

    @classmethod
    def made(cls, hook: Webhook, secret: str) -> Self:
        """Return a new webhook with its secret."""
        return cls(**WebhookOut.of(hook).model_dump(), secret=secret)


class SecretOut(SecretBody):
    """A new secret, with the one look at it that there is."""

    @classmethod
    def of(cls, signing: Signing, secret: str) -> Self:
        """Return a new secret."""
        return cls(secret=secret, old_until=signing.old_until)
