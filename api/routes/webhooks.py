"""Webhooks over REST: who is told what happens to the team's jobs."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Body, Request, Response, status

from api.deps import BoundsDep, CallerDep, DatabaseDep, NudgeDep, PageDep, VaultDep
from api.rules import ADMIN
from api.schemas.base import Page
from api.schemas.problem import problems
from api.schemas.webhooks import (
    EXAMPLE,
    SecretOut,
    WebhookChange,
    WebhookCreate,
    WebhookMade,
    WebhookOut,
)
from core import deliveries, trail, webhooks
from core.admission import admit_webhook
from core.bodies.webhooks import DeliveryBody
from core.db import utc_now

router = APIRouter(prefix="/webhooks", tags=["webhooks"])


@router.get("", dependencies=[ADMIN], summary="List webhooks")
def list_webhooks(database: DatabaseDep, page: PageDep) -> Page[WebhookOut]:
    """Return the team's webhooks, the latest first."""
    with database.read() as session:
        found = webhooks.page(session, after=page.after, limit=page.limit)
    return Page.of(found, WebhookOut.of)


@router.post(
    "",
    dependencies=[ADMIN],
    status_code=status.HTTP_201_CREATED,
    summary="Make a webhook",
    responses=problems(409),
)
def create_webhook(
    body: Annotated[WebhookCreate, Body(examples=[EXAMPLE])],
    database: DatabaseDep,
    caller: CallerDep,
    bounds: BoundsDep,
    vault: VaultDep,
    request: Request,
    response: Response,
) -> WebhookMade:
    """Make a webhook and show its secret, this once."""
    now, trusted = utc_now(), admit_webhook(bounds, caller, body.url)
    with database.write.begin() as session:
        hook, secret = webhooks.create(
            session,
            vault,
            body.url,
            description=body.description,
            events=body.events,
            trusted=trusted,
            now=now,
        )
        trail.note(session, "create_webhook", hook.id, {"url": hook.url}, now=now)
    response.headers["Location"] = request.app.url_path_for("get_webhook", webhook_id=hook.id)
    return WebhookMade.made(hook, secret)


@router.post(
    "/jobs/secret", dependencies=[ADMIN], summary="Renew the secret for the addresses of jobs"
)
def renew_jobs_secret(database: DatabaseDep, vault: VaultDep) -> SecretOut:
    """Make the secret that signs what goes to `webhook_url` of the team's jobs; shown this once."""
    now = utc_now()
    with database.write.begin() as session:
        signing, secret = webhooks.renew_jobs_secret(session, vault, now=now)
        trail.note(session, "renew_jobs_secret", "jobs", now=now)
    return SecretOut.of(signing, secret)


@router.get(
    "/{webhook_id}", dependencies=[ADMIN], summary="Show a webhook", responses=problems(404)
)
def get_webhook(webhook_id: UUID, database: DatabaseDep) -> WebhookOut:
    """Return a webhook."""
    with database.read() as session:
        return WebhookOut.of(webhooks.get(session, webhook_id))


@router.patch(
    "/{webhook_id}", dependencies=[ADMIN], summary="Change a webhook", responses=problems(404)
)
def change_webhook(
    webhook_id: UUID,
    body: WebhookChange,
    database: DatabaseDep,
    caller: CallerDep,
    bounds: BoundsDep,
) -> WebhookOut:
    """Set the fields that are sent. Switched off, it is told nothing, and what waits is dropped."""
    now, given = utc_now(), body.given()
    trusted = None if body.url is None else admit_webhook(bounds, caller, body.url)
    with database.write.begin() as session:
        hook = webhooks.change(session, webhook_id, given, trusted=trusted, now=now)
        trail.note(session, "change_webhook", hook.id, {"fields": sorted(given)}, now=now)
    return WebhookOut.of(hook)


@router.delete(
    "/{webhook_id}",
    dependencies=[ADMIN],
    status_code=status.HTTP_204_NO_CONTENT,
    summary="Remove a webhook",
    responses=problems(404),
)
def delete_webhook(webhook_id: UUID, database: DatabaseDep) -> None:
    """Remove a webhook with its deliveries; nothing more is sent."""
    now = utc_now()
    with database.write.begin() as session:
        webhooks.remove(session, webhook_id)
        trail.note(session, "delete_webhook", webhook_id, now=now)


@router.post(
    "/{webhook_id}/secret",
    dependencies=[ADMIN],
    summary="Renew a webhook's secret",
    responses=problems(404),
)
def renew_webhook_secret(webhook_id: UUID, database: DatabaseDep, vault: VaultDep) -> SecretOut:
    """Make a new secret and show it, this once; for a day the old one signs beside it."""
    now = utc_now()
    with database.write.begin() as session:
        signing, secret = webhooks.renew_secret(session, vault, webhook_id, now=now)
        trail.note(session, "renew_webhook_secret", webhook_id, now=now)
    return SecretOut.of(signing, secret)


@router.post(
    "/{webhook_id}/ping",
    dependencies=[ADMIN],
    status_code=status.HTTP_202_ACCEPTED,
    summary="Try a webhook",
    responses=problems(404, 409),
)
def ping_webhook(webhook_id: UUID, database: DatabaseDep, nudge: NudgeDep) -> DeliveryBody:
    """Send a message of type `ping`; the webhook's deliveries tell what came of it."""
    now = utc_now()
    with database.write.begin() as session:
        made = webhooks.ping(session, webhook_id, now=now)
        trail.note(session, "ping_webhook", webhook_id, now=now)
        shown = deliveries.shown(session, [made])[made.id]
    nudge()
    return shown


@router.get(
    "/{webhook_id}/deliveries",
    dependencies=[ADMIN],
    summary="List a webhook's deliveries",
    responses=problems(404),
)
def list_webhook_deliveries(
    webhook_id: UUID, database: DatabaseDep, page: PageDep
) -> Page[DeliveryBody]:
    """Return what was sent, with each try and its answer, the latest first; for 30 days."""
    with database.read() as session:
        hook = webhooks.get(session, webhook_id)
        found = deliveries.page(session, webhook_id=hook.id, after=page.after, limit=page.limit)
        shown = deliveries.shown(session, found.rows)
    return Page.of(found, lambda delivery: shown[delivery.id])


@router.post(
    "/{webhook_id}/deliveries/{delivery_id}/redeliver",
    dependencies=[ADMIN],
    status_code=status.HTTP_202_ACCEPTED,
    summary="Send a delivery again",
    responses=problems(404, 409),
)
def redeliver_to_webhook(
    webhook_id: UUID, delivery_id: UUID, database: DatabaseDep, nudge: NudgeDep
) -> DeliveryBody:
    """Send a delivery once more, under the same id; one that waits for its next try goes now."""
    now = utc_now()
    with database.write.begin() as session:
        hook = webhooks.get(session, webhook_id)
        found = deliveries.redeliver(session, delivery_id, webhook_id=hook.id, now=now)
        trail.note(session, "redeliver_to_webhook", delivery_id, now=now)
        shown = deliveries.shown(session, [found])[found.id]
    nudge()
    return shown
