"""`gerbench team`: who pays, and how much in a month."""

import typer
from rich.text import Text

from gerbench.cli import budgets
from gerbench.cli.budgets import NoLimit, Requests, Usd
from gerbench.cli.options import AsJson, Data, examples
from gerbench.cli.output import Column, print_json, rows, screen
from gerbench.cli.progress import money
from gerbench.client import Json, connect, path

app = typer.Typer(no_args_is_help=True, help="See and bound what is spent in a month.")

MONTHS = (
    Column("month", "month"),
    Column("spent", lambda month: money(month["spent_usd"]), right=True),
    Column("reserved", lambda month: money(month["reserved_usd"]), right=True),
    Column("calls", lambda month: f"{month['attempts']:,}", right=True),
)


@app.command("show")
def show_team(data: Data = None, as_json: AsJson = False) -> None:
    """Show what the team may spend in a month, and what it spent."""
    with connect(data) as client:
        _print(client.get(path("team")), as_json=as_json)


@app.command(
    "budget",
    epilog=examples(
        "gerbench team budget --usd 200",
        "gerbench team budget --usd 200 --requests 100000",
        "gerbench team budget --no-limit",
    ),
)
def set_budget(
    usd: Usd = None,
    requests: Requests = None,
    no_limit: NoLimit = False,
    data: Data = None,
    as_json: AsJson = False,
) -> None:
    """Bound what the team spends in a calendar month (UTC)."""
    change = budgets.change(usd, requests, no_limit=no_limit)
    body = {f"monthly_{name}": bound for name, bound in change.items()}
    with connect(data) as client:
        _print(client.patch(path("team"), body), as_json=as_json)


def _print(team: Json, *, as_json: bool) -> None:
    """Print the team and its months."""
    if as_json:
        print_json(team)
        return
    usd, requests = team["monthly_budget_usd"], team["monthly_budget_requests"]
    screen().print(Text(f"team {team['name']}: {budgets.bounds(usd, requests)} a month"))
    if team["months"]:
        screen().print(rows(team["months"], MONTHS))
