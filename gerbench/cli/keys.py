"""`gerbench keys`: who may call the API, and as what."""

import re
from datetime import UTC, datetime, timedelta
from typing import Annotated

import typer

from core.vocabulary import Role
from gerbench.cli.options import AsJson, Data, Limit, examples, full_id, given
from gerbench.cli.output import (
    Column,
    moment,
    print_items,
    print_json,
    print_once,
    screen,
    short,
    when,
)
from gerbench.client import Json, connect, path

app = typer.Typer(no_args_is_help=True, help="Who may call the API, and as what.")

UNITS = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
AFTER = re.compile(rf"(\d{{1,6}})([{''.join(UNITS)}])")


def role(item: Json) -> str:
    """Return a key's role."""
    return "operator" if item["operator"] else str(item["role"])


def state(item: Json) -> str:
    """Return whether a key is good, and until when."""
    if item["revoked_at"] is not None:
        return f"revoked {moment(item['revoked_at'])}"
    if item["expires_at"] is None:
        return "good"
    expired = datetime.fromisoformat(item["expires_at"]) <= datetime.now(UTC)
    return f"{'expired' if expired else 'good until'} {moment(item['expires_at'])}"


COLUMNS = (
    Column("key", short("id")),
    Column("name", "name", wrap=True),
    Column("role", role),
    Column("state", state),
    Column("last used", when("last_used_at")),
    Column("made", when("created_at")),
)

OfTeam = Annotated[
    str | None, typer.Option("--team", metavar="NAME", help="Of another team; for operators.")
]


def moment_of(text: str) -> str:
    """Return a time from now such as 90d, or a moment, as the API takes it."""
    if found := AFTER.fullmatch(text):
        later = timedelta(**{UNITS[found[2]]: int(found[1])})
        return (datetime.now(UTC) + later).isoformat()
    try:
        parsed = datetime.fromisoformat(text)
    except ValueError:
        raise typer.BadParameter(
            f"{text!r} is no time from now, such as 90d or 12h, and no moment, such as 2030-01-31",
            param_hint="--expires",
        ) from None
    return parsed.astimezone().isoformat()


@app.command("list")
def list_keys(
    team: OfTeam = None, limit: Limit = None, data: Data = None, as_json: AsJson = False
) -> None:
    """List the team's keys."""
    with connect(data) as client:
        print_items(
            lambda most: client.items(path("keys"), limit=most, **given(team=team)),
            COLUMNS,
            as_json=as_json,
            limit=limit,
            none="No keys.",
        )


@app.command(
    "create",
    epilog=examples(
        'gerbench keys create "ada, laptop" --expires 90d',
        "gerbench keys create bo --team vision-lab --role admin",
    ),
)
def create_key(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Whose it is, or what for.")],
    *,
    role: Annotated[Role, typer.Option(help="What it may do in its team.")] = Role.MEMBER,
    expires: Annotated[
        str | None,
        typer.Option(metavar="WHEN", help="90d, 12h, or a moment; without, it lasts."),
    ] = None,
    team: OfTeam = None,
    operator: Annotated[
        bool, typer.Option("--operator", help="May also make teams; for operators.")
    ] = False,
    data: Data = None,
    as_json: AsJson = False,
) -> None:
    """Make a key and print it, this once."""
    body = {"name": name, "role": role, "operator": operator, **given(team=team)}
    if expires is not None:
        body["expires_at"] = moment_of(expires)
    with connect(data) as client:
        made = client.post(path("keys"), body)
    told = "This key is not shown again. Its holder sets GERBENCH_API_KEY to it."
    print_once(made, "secret", told, as_json=as_json)


@app.command("revoke")
def revoke_key(
    key: Annotated[str, typer.Argument(metavar="ID", help="Or its first characters.")],
    data: Data = None,
    as_json: AsJson = False,
) -> None:
    """Let a key open nothing any more."""
    with connect(data) as client:
        key_id = full_id(client, "keys", key)
        client.delete(path("keys", key_id))
    if as_json:
        print_json({"revoked": key_id})
        return
    screen().print(f"Key {key_id} is revoked.")
