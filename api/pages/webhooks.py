"""The pages of webhooks: who is told what happens, what was sent, and what came back."""

from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import APIRouter, Form
from fastapi.responses import Response
from pydantic import ValidationError

from api.deps import BoundsDep, NudgeDep, PageDep, PageRequest, VaultDep
from api.pages.forms import told
from api.pages.shell import PageRoute, Visitor, VisitorDep, never_stored, see_other, shown_to
from api.routes import job_deliveries
from api.routes import webhooks as rest
from api.rules import ADMIN, MEMBER
from api.schemas.webhooks import WebhookChange, WebhookCreate
from core.errors import DomainError
from core.rules.webhooks import HookEvent

router = APIRouter(include_in_schema=False, route_class=PageRoute)

Events = Annotated[list[HookEvent], Form(max_length=len(HookEvent))]
Url = Annotated[str, Form(max_length=2000)]
Switch = Annotated[Literal["on", "off"], Form()]
Words = Annotated[str, Form(max_length=200)]

BLANK: dict[str, Any] = {"url": "", "description": "", "events": None}
"""The form before anything is typed."""
EVENTS = [event for event in HookEvent if event is not HookEvent.PING]
"""What a form offers to be told of."""


@router.get("/webhooks", dependencies=[ADMIN])
def show_webhooks(who: VisitorDep, part: PageDep) -> Response:
    """Show the team's webhooks, the latest first."""
    return _list(who, part)


@router.post("/webhooks", dependencies=[ADMIN])
def make_webhook(
    who: VisitorDep,
    bounds: BoundsDep,
    vault: VaultDep,
    url: Url = "",
    description: Words = "",
    event: Events = [],  # noqa: B006 - FastAPI makes another for each request
) -> Response:
    """Make a webhook and show its secret, this once; without a tick it is told of everything."""
    made, fault = None, None
    given = {"url": url.strip(), "description": description, "events": event or None}
    try:
        body = WebhookCreate.model_validate(given)
        made = rest.create_webhook(
            body, who.database, who.caller, bounds, vault, who.request, Response()
        )
    except (ValidationError, DomainError) as error:
        fault = told(error)
    told_of = {"made": made, "fault": fault, "given": BLANK if made else given}
    return never_stored(_list(who, PageRequest(), **told_of))


@router.get("/webhooks/{webhook_id}", dependencies=[ADMIN])
def show_webhook(who: VisitorDep, part: PageDep, webhook_id: UUID) -> Response:
    """Show a webhook, and what was sent to it."""
    return _one(who, part, webhook_id)


@router.post("/webhooks/{webhook_id}/ping", dependencies=[ADMIN])
def ping_webhook(who: VisitorDep, nudge: NudgeDep, webhook_id: UUID) -> Response:
    """Send a message that tells nothing, to see whether it arrives."""
    rest.ping_webhook(webhook_id, who.database, nudge)
    return see_other(f"/webhooks/{webhook_id}#deliveries")


@router.post("/webhooks/{webhook_id}/switch", dependencies=[ADMIN])
def switch_webhook(
    who: VisitorDep, bounds: BoundsDep, webhook_id: UUID, to: Switch = "off"
) -> Response:
    """Switch a webhook on or off."""
    body = WebhookChange(enabled=to == "on")
    rest.change_webhook(webhook_id, body, who.database, who.caller, bounds)
    return see_other(f"/webhooks/{webhook_id}")


@router.post("/webhooks/{webhook_id}/secret", dependencies=[ADMIN])
def renew_secret(who: VisitorDep, vault: VaultDep, webhook_id: UUID) -> Response:
    """Make a new secret and show it, this once."""
    renewed = rest.renew_webhook_secret(webhook_id, who.database, vault)
    return never_stored(_one(who, PageRequest(), webhook_id, renewed=renewed))


@router.post("/webhooks/{webhook_id}/delete", dependencies=[ADMIN])
def delete_webhook(who: VisitorDep, webhook_id: UUID) -> Response:
    """Remove a webhook with what was sent to it."""
    rest.delete_webhook(webhook_id, who.database)
    return see_other("/webhooks")


@router.post("/webhooks/{webhook_id}/deliveries/{delivery_id}/redeliver", dependencies=[ADMIN])
def redeliver_to_webhook(
    who: VisitorDep, nudge: NudgeDep, webhook_id: UUID, delivery_id: UUID
) -> Response:
    """Send a delivery once more."""
    rest.redeliver_to_webhook(webhook_id, delivery_id, who.database, nudge)
    return see_other(f"/webhooks/{webhook_id}#deliveries")


@router.get("/jobs/{job_id}/deliveries", dependencies=[MEMBER])
def show_job_deliveries(who: VisitorDep, part: PageDep, job_id: UUID) -> Response:
    """Show what was sent to the address that a job names."""
    found = job_deliveries.list_job_deliveries(job_id, who.database, part)
    return shown_to(
        who,
        "job_deliveries.html",
        job_id=job_id,
        deliveries=found.items,
        next_cursor=found.next_cursor,
    )


@router.post("/jobs/{job_id}/deliveries/{delivery_id}/redeliver", dependencies=[MEMBER])
def redeliver_of_job(who: VisitorDep, nudge: NudgeDep, job_id: UUID, delivery_id: UUID) -> Response:
    """Send a delivery of a job once more."""
    job_deliveries.redeliver_of_job(job_id, delivery_id, who.database, nudge)
    return see_other(f"/jobs/{job_id}/deliveries")


def _list(who: Visitor, part: PageRequest, **became: Any) -> Response:
    """Return the page of webhooks, with what became of a form if there was one."""
    found = rest.list_webhooks(who.database, part)
    told_of = {"made": None, "fault": None, "given": BLANK, **became}
    return shown_to(
        who,
        "webhooks.html",
        webhooks=found.items,
        next_cursor=found.next_cursor,
        events=EVENTS,
        **told_of,
    )


def _one(who: Visitor, part: PageRequest, webhook_id: UUID, **renewed: Any) -> Response:
    """Return the page of a webhook, with its new secret if there is one."""
    found = rest.list_webhook_deliveries(webhook_id, who.database, part)
    return shown_to(
        who,
        "webhook.html",
        hook=rest.get_webhook(webhook_id, who.database),
        deliveries=found.items,
        next_cursor=found.next_cursor,
        **{"renewed": None, **renewed},
    )
