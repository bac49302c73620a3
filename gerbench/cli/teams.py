"""`gerbench teams`: those who share datasets, models, jobs and runs; and what they did."""

from typing import Annotated

import typer

from gerbench.cli import budgets
from gerbench.cli.budgets import NoLimit, Requests, Usd
from gerbench.cli.options import AsJson, Data, Limit, examples, given
from gerbench.cli.output import Column, print_items, print_json, print_one, rows, screen, when
from gerbench.cli.progress import money
from gerbench.client import Json, connect, path

app = typer.Typer(
    no_args_is_help=True, help="Those who share datasets, models, jobs and runs; what they did."
)

MONTHS = (
    Column("month", "month"),
    Column("spent", lambda month: money(month["spent_usd"]), right=True),
    Column("reserved", lambda month: money(month["reserved_usd"]), right=True),
    Column("calls", lambda month: f"{month['attempts']:,}", right=True),
)
SPEND = (MONTHS[0], Column("model", "model", wrap=True), *MONTHS[1:])
COLUMNS = (
    Column("name", "name"),
    Column("share of rates", lambda team: f"{team['rate_share']:.4g}", right=True),
    Column("id", "id"),
)
ENTRIES = (
    Column("when", when("at")),
    Column("key", "key_name", wrap=True),
    Column("did", "action"),
    Column("to", "object", wrap=True),
    Column("details", "details", wrap=True),
)


@app.command("show")
def show_team(data: Data = None, as_json: AsJson = False) -> None:
    """Show one's own team, what it may spend in a month and has, and what one's key may do."""
    with connect(data) as client:
        _print_own(client.get(path("team")), as_json=as_json)


@app.command(
    "budget",
    epilog=examples(
        "gerbench teams budget --usd 200",
        "gerbench teams budget --usd 200 --requests 100000",
        "gerbench teams budget --no-limit",
    ),
)
def set_budget(
    usd: Usd = None,
    requests: Requests = None,
    no_limit: NoLimit = False,
    data: Data = None,
    as_json: AsJson = False,
) -> None:
    """Bound what one's own team spends in a calendar month (UTC); for admins."""
    change = budgets.change(usd, requests, no_limit=no_limit)
    body = {f"monthly_{name}": bound for name, bound in change.items()}
    with connect(data) as client:
        _print_own(client.patch(path("team"), body), as_json=as_json)


@app.command("share", epilog=examples("gerbench teams share vision-lab 0.5"))
def share_rate(
    name: Annotated[str, typer.Argument(metavar="NAME")],
    share: Annotated[float, typer.Argument(metavar="SHARE", help="More than 0, at most 1.")],
    data: Data = None,
    as_json: AsJson = False,
) -> None:
    """Hold a team to a part of its models' limits, where teams share one account; for operators."""
    with connect(data) as client:
        team = client.patch(path("teams", name), {"rate_share": share})
    if as_json:
        print_json(team)
        return
    screen().print(
        f"{team['name']} is held to {team['rate_share']:.4g} of its models' limits from now on"
    )


@app.command("list")
def list_teams(limit: Limit = None, data: Data = None, as_json: AsJson = False) -> None:
    """List the teams; for operators."""
    with connect(data) as client:
        print_items(
            lambda most: client.items(path("teams"), limit=most),
            COLUMNS,
            as_json=as_json,
            limit=limit,
            none="No teams.",
        )


@app.command("create")
def create_team(
    name: Annotated[str, typer.Argument(metavar="NAME")],
    data: Data = None,
    as_json: AsJson = False,
) -> None:
    """Make a team; for operators."""
    with connect(data) as client:
        made = client.post(path("teams"), {"name": name})
    if as_json:
        print_json(made)
        return
    next_step = f"gerbench keys create NAME --team {made['name']} --role admin"
    screen().print(f"{made['name']} is a team now; its first key: {next_step}")


@app.command("spend")
def list_spend(
    model: Annotated[str | None, typer.Option(metavar="NAME", help="Only of this one.")] = None,
    limit: Limit = None,
    data: Data = None,
    as_json: AsJson = False,
) -> None:
    """Show what each model cost, by the month."""
    with connect(data) as client:
        print_items(
            lambda most: client.items(path("team", "spend"), limit=most, **given(model=model)),
            SPEND,
            as_json=as_json,
            limit=limit,
            none="No calls yet.",
        )


@app.command(
    "audit",
    epilog=examples("gerbench teams audit --key 'ada, laptop' --action cancel_job"),
)
def list_audit(
    *,
    key: Annotated[str | None, typer.Option(metavar="NAME", help="Who did it.")] = None,
    action: Annotated[str | None, typer.Option(help="What, such as cancel_job.")] = None,
    object: Annotated[  # noqa: A002 - as the API
        str | None, typer.Option(metavar="ID|NAME", help="To what.")
    ] = None,
    limit: Limit = None,
    data: Data = None,
    as_json: AsJson = False,
) -> None:
    """Show who did what in the team; for admins."""
    wanted = given(key_name=key, action=action, object=object)
    with connect(data) as client:
        print_items(
            lambda most: client.items(path("audit"), limit=most, **wanted),
            ENTRIES,
            as_json=as_json,
            limit=limit,
            none="Nothing has been done yet.",
        )


def _print_own(team: Json, *, as_json: bool) -> None:
    """Print one's own team and its months."""
    if as_json:
        print_json(team)
        return
    usd, requests = team["monthly_budget_usd"], team["monthly_budget_requests"]
    told = {"name": team["name"], "a month": budgets.bounds(usd, requests), "key": team["key"]}
    if team["rate_share"] < 1:
        told["share of rates"] = f"{team['rate_share']:.4g}"
    print_one(told, as_json=False)
    if team["months"]:
        screen().print(rows(team["months"], MONTHS))
