"""Webhooks as a program handles them: `gerbench.Client.webhooks`, with types."""

from collections.abc import Iterator, Sequence
from typing import Any
from uuid import UUID

from core.bodies.webhooks import DeliveryBody, SecretBody, WebhookBody, WebhookMadeBody
from gerbench.client import Client
from gerbench.peer import given, path


class Webhooks:
    """The webhooks of a team; for admins."""

    def __init__(self, client: Client) -> None:
        self._client = client

    def add(
        self, url: str, *, events: Sequence[str] | None = None, description: str | None = None
    ) -> WebhookMadeBody:
        """Make a webhook; `secret` is there this once. Without `events` it is told everything."""
        told = None if events is None else list(events)
        body = {"url": url, **given({"events": told, "description": description})}
        return WebhookMadeBody.model_validate(self._client.post(path("webhooks"), body))

    def get(self, webhook_id: UUID | str) -> WebhookBody:
        """Return a webhook."""
        found = self._client.repeat("GET", path("webhooks", webhook_id))
        return WebhookBody.model_validate(found)

    def list(self) -> Iterator[WebhookBody]:
        """Yield the webhooks, the latest first."""
        for item in self._client.items(path("webhooks")):
            yield WebhookBody.model_validate(item)

    def change(self, webhook_id: UUID | str, **changes: Any) -> WebhookBody:
        """Change some of `url`, `events`, `description` and `enabled`."""
        changed = self._client.patch(path("webhooks", webhook_id), changes)
        return WebhookBody.model_validate(changed)

    def remove(self, webhook_id: UUID | str) -> None:
        """Remove a webhook and its deliveries."""
        self._client.delete(path("webhooks", webhook_id))

    def ping(self, webhook_id: UUID | str) -> DeliveryBody:
        """Send a message that tells nothing, to see whether it arrives."""
        sent = self._client.post(path("webhooks", webhook_id, "ping"))
        return DeliveryBody.model_validate(sent)

    def renew_secret(self, webhook_id: UUID | str | None = None) -> SecretBody:
        """Make a new secret for a webhook or, without one, for what jobs name as `webhook_url`."""
        owner = "jobs" if webhook_id is None else webhook_id
        made = self._client.post(path("webhooks", owner, "secret"))
        return SecretBody.model_validate(made)

    def deliveries(self, webhook_id: UUID | str) -> Iterator[DeliveryBody]:
        """Yield what was sent, with each try and its answer, the latest first."""
        for item in self._client.items(path("webhooks", webhook_id, "deliveries")):
            yield DeliveryBody.model_validate(item)

    def redeliver(self, webhook_id: UUID | str, delivery_id: UUID | str) -> DeliveryBody:
        """Send a delivery once more, under the same id."""
        place = path("webhooks", webhook_id, "deliveries", delivery_id, "redeliver")
        return DeliveryBody.model_validate(self._client.post(place))
