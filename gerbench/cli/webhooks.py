"""`gerbench webhooks`: who is told what happens to the team's jobs."""

from typing import Annotated

import typer

from core.rules.webhooks import HookEvent
from gerbench.cli.options import AsJson, Data, Limit, examples, full_id, given
from gerbench.cli.output import (
    Column,
    print_items,
    print_json,
    print_once,
    print_one,
    screen,
    short,
    when,
)
from gerbench.client import Client, Json, connect, path

app = typer.Typer(no_args_is_help=True, help="Who is told what happens to jobs; for admins.")


def last_answer(delivery: Json) -> str | None:
    """Return what came of the last try."""
    if not delivery["attempts"]:
        return None
    last = delivery["attempts"][-1]
    return str(last["error"] or last["status"])


COLUMNS = (
    Column("webhook", short("id")),
    Column("url", "url", wrap=True),
    Column("told of", lambda hook: hook["events"] or "everything", wrap=True),
    Column("on", "enabled"),
    Column("for", "description", wrap=True),
)
DELIVERIES = (
    Column("delivery", short("id")),
    Column("event", "event"),
    Column("job", short("job_id")),
    Column("state", "state"),
    Column("tries", lambda delivery: len(delivery["attempts"]), right=True),
    Column("last answer", last_answer, wrap=True),
    Column("written", when("created_at")),
    Column("next try", when("not_before")),
)

WebhookId = Annotated[str, typer.Argument(metavar="ID", help="Or its first characters.")]
DeliveryId = Annotated[str, typer.Argument(metavar="DELIVERY", help="Or its first characters.")]
Events = Annotated[
    list[HookEvent] | None,
    typer.Option("--event", help="What it is told of. Default: everything; repeatable."),
]
Description = Annotated[str | None, typer.Option(help="What it is for.")]


@app.command(
    "add",
    epilog=examples(
        "gerbench webhooks add https://lab.example/gerbench",
        "gerbench webhooks add https://lab.example/chat --event job.failed --event job.stalled",
    ),
)
def add_webhook(
    url: Annotated[str, typer.Argument(metavar="URL")],
    event: Events = None,
    description: Description = None,
    data: Data = None,
    as_json: AsJson = False,
) -> None:
    """Make a webhook and print its secret, this once."""
    body = {"url": url, **given(events=event, description=description)}
    with connect(data) as client:
        made = client.post(path("webhooks"), body)
    told = (
        f"This secret is not shown again. Its receiver verifies messages with it.\n"
        f"Try it: gerbench webhooks ping {made['id'][:8]}"
    )
    print_once(made, "secret", told, as_json=as_json)


@app.command("list")
def list_webhooks(limit: Limit = None, data: Data = None, as_json: AsJson = False) -> None:
    """List the team's webhooks."""
    with connect(data) as client:
        print_items(
            lambda most: client.items(path("webhooks"), limit=most),
            COLUMNS,
            as_json=as_json,
            limit=limit,
            none="No webhooks; make one with `gerbench webhooks add URL`.",
        )


@app.command("show")
def show_webhook(webhook: WebhookId, data: Data = None, as_json: AsJson = False) -> None:
    """Show a webhook."""
    with connect(data) as client:
        print_one(client.get(_place(client, webhook)), as_json=as_json)


@app.command(
    "change",
    epilog=examples(
        "gerbench webhooks change 5f0c --off",
        "gerbench webhooks change 5f0c --url https://lab.example/new",
    ),
)
def change_webhook(
    webhook: WebhookId,
    *,
    url: Annotated[str | None, typer.Option(help="Where messages go from now on.")] = None,
    event: Events = None,
    everything: Annotated[
        bool, typer.Option("--everything", help="Tell it of everything.")
    ] = False,
    description: Description = None,
    on: Annotated[
        bool | None, typer.Option("--on/--off", help="Whether it is told anything.")
    ] = None,
    data: Data = None,
    as_json: AsJson = False,
) -> None:
    """Change a webhook. Switched off, it is told nothing, and what waits is dropped."""
    body: Json = given(url=url, events=event, enabled=on)
    if description is not None:
        body["description"] = description
    if everything:
        body["events"] = None
    if not body:
        raise typer.BadParameter("give what is to change, such as --off or --url URL")
    with connect(data) as client:
        print_one(client.patch(_place(client, webhook), body), as_json=as_json)


@app.command("remove")
def remove_webhook(webhook: WebhookId, data: Data = None, as_json: AsJson = False) -> None:
    """Remove a webhook and its deliveries."""
    with connect(data) as client:
        full = full_id(client, "webhooks", webhook)
        client.delete(path("webhooks", full))
    if as_json:
        print_json({"removed": full})
        return
    screen().print(f"Webhook {full} is removed.")


@app.command("ping")
def ping_webhook(webhook: WebhookId, data: Data = None, as_json: AsJson = False) -> None:
    """Send a message that tells nothing, to see whether it arrives."""
    with connect(data) as client:
        place = _place(client, webhook)
        sent = client.post(f"{place}/ping")
    if as_json:
        print_json(sent)
        return
    screen().print(f"What comes of it: gerbench webhooks deliveries {webhook}")


@app.command(
    "secret",
    epilog=examples("gerbench webhooks secret 5f0c", "gerbench webhooks secret --jobs"),
)
def renew_secret(
    webhook: Annotated[str | None, typer.Argument(metavar="ID")] = None,
    *,
    jobs: Annotated[
        bool, typer.Option("--jobs", help="Of the addresses that jobs name, all together.")
    ] = False,
    data: Data = None,
    as_json: AsJson = False,
) -> None:
    """Make a new secret and print it, this once; for a day the old one signs beside it."""
    if jobs is (webhook is not None):
        raise typer.BadParameter("give either a webhook's ID or --jobs")
    with connect(data) as client:
        place = path("webhooks", "jobs") if webhook is None else _place(client, webhook)
        made = client.post(f"{place}/secret")
    print_once(made, "secret", "This secret is not shown again.", as_json=as_json)


@app.command("deliveries")
def list_deliveries(
    webhook: WebhookId, limit: Limit = None, data: Data = None, as_json: AsJson = False
) -> None:
    """Show what was sent to a webhook, and what came back."""
    with connect(data) as client:
        print_deliveries(client, _place(client, webhook), limit, as_json=as_json)


@app.command("redeliver", epilog=examples("gerbench webhooks redeliver 5f0c 81d2"))
def redeliver(
    webhook: WebhookId, delivery: DeliveryId, data: Data = None, as_json: AsJson = False
) -> None:
    """Send a delivery once more, under the same id."""
    with connect(data) as client:
        hint = f"gerbench webhooks deliveries {webhook}"
        send_again(client, _place(client, webhook), delivery, hint=hint, as_json=as_json)


def print_deliveries(client: Client, place: str, limit: int | None, *, as_json: bool) -> None:
    """Print the deliveries of a webhook or a job."""
    print_items(
        lambda most: client.items(f"{place}/deliveries", limit=most),
        DELIVERIES,
        as_json=as_json,
        limit=limit,
        none="Nothing was sent yet.",
    )


def send_again(client: Client, place: str, delivery: str, *, hint: str, as_json: bool) -> None:
    """Send a delivery of a webhook or a job once more; `hint` is the command that lists them."""
    listed = f"{place}/deliveries"
    full = full_id(client, "deliveries", delivery, place=listed, hint=hint)
    sent = client.post(f"{listed}/{full}/redeliver")
    if as_json:
        print_json(sent)
        return
    screen().print(f"Delivery {full} is sent again.")


def _place(client: Client, webhook: str) -> str:
    """Return the path of a webhook that is meant by its first characters."""
    return path("webhooks", full_id(client, "webhooks", webhook))
