"""Webhooks for a program in asyncio: `gerbench.AsyncClient.webhooks`, with types."""

from collections.abc import AsyncIterator, Sequence
from typing import Any
from uuid import UUID

from core.bodies.webhooks import DeliveryBody, SecretBody, WebhookBody, WebhookMadeBody
from gerbench.aio import AsyncClient
from gerbench.peer import given, path


class AsyncWebhooks:
    """The webhooks of a team; for admins."""

    def __init__(self, client: AsyncClient) -> None:
        self._client = client

    async def add(
        self, url: str, *, events: Sequence[str] | None = None, description: str | None = None
    ) -> WebhookMadeBody:
        """Make a webhook; `secret` is there this once. Without `events` it is told everything."""
        told = None if events is None else list(events)
        body = {"url": url, **given({"events": told, "description": description})}
        return WebhookMadeBody.model_validate(await self._client.post(path("webhooks"), body))

    async def get(self, webhook_id: UUID | str) -> WebhookBody:
        """Return a webhook."""
        found = await self._client.repeat("GET", path("webhooks", webhook_id))
        return WebhookBody.model_validate(found)

    async def list(self) -> AsyncIterator[WebhookBody]:
        """Yield the webhooks, the latest first."""
        async for item in self._client.items(path("webhooks")):
            yield WebhookBody.model_validate(item)

    async def change(self, webhook_id: UUID | str, **changes: Any) -> WebhookBody:
        """Change some of `url`, `events`, `description` and `enabled`."""
        changed = await self._client.patch(path("webhooks", webhook_id), changes)
        return WebhookBody.model_validate(changed)

    async def remove(self, webhook_id: UUID | str) -> None:
        """Remove a webhook and its deliveries."""
        await self._client.delete(path("webhooks", webhook_id))

    async def ping(self, webhook_id: UUID | str) -> DeliveryBody:
        """Send a message that tells nothing, to see whether it arrives."""
        sent = await self._client.post(path("webhooks", webhook_id, "ping"))
        return DeliveryBody.model_validate(sent)

    async def renew_secret(self, webhook_id: UUID | str | None = None) -> SecretBody:
        """Make a new secret for a webhook or, without one, for what jobs name as `webhook_url`."""
        owner = "jobs" if webhook_id is None else webhook_id
        made = await self._client.post(path("webhooks", owner, "secret"))
        return SecretBody.model_validate(made)

    async def deliveries(self, webhook_id: UUID | str) -> AsyncIterator[DeliveryBody]:
        """Yield what was sent, with each try and its answer, the latest first."""
        async for item in self._client.items(path("webhooks", webhook_id, "deliveries")):
            yield DeliveryBody.model_validate(item)

    async def redeliver(self, webhook_id: UUID | str, delivery_id: UUID | str) -> DeliveryBody:
        """Send a delivery once more, under the same id."""
        place = path("webhooks", webhook_id, "deliveries", delivery_id, "redeliver")
        return DeliveryBody.model_validate(await self._client.post(place))
