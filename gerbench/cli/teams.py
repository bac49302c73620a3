"""`gerbench teams`: those who share datasets, models, jobs and runs; and what they did."""

from typing import Annotated

import typer

from gerbench.cli.options import AsJson, Data, Limit
from gerbench.cli.output import Column, print_items, print_json, print_one, screen, when
from gerbench.client import connect, path

app = typer.Typer(
    no_args_is_help=True, help="Those who share datasets, models, jobs and runs; what they did."
)

COLUMNS = (Column("name", "name"), Column("id", "id"))
ENTRIES = (
    Column("when", when("at")),
    Column("key", "key_name", wrap=True),
    Column("did", "action"),
    Column("to", "object", wrap=True),
    Column("details", "details", wrap=True),
)


@app.command("show")
def show_team(data: Data = None, as_json: AsJson = False) -> None:
    """Show one's own team, and what one's key may do."""
    with connect(data) as client:
        print_one(client.get(path("team")), as_json=as_json)


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


@app.command("audit")
def list_audit(limit: Limit = None, data: Data = None, as_json: AsJson = False) -> None:
    """Show who did what in the team; for admins."""
    with connect(data) as client:
        print_items(
            lambda most: client.items(path("audit"), limit=most),
            ENTRIES,
            as_json=as_json,
            limit=limit,
            none="Nothing has been done yet.",
        )
