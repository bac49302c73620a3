"""`gerbench dashboards`: saved views, and the links that show one of them to whoever has them."""

from typing import Annotated

import typer

from core.vocabulary import Task
from gerbench.cli.keys import moment_of
from gerbench.cli.options import (
    AsJson,
    Data,
    Limit,
    SpecFile,
    examples,
    full_id,
    given,
    read_object,
)
from gerbench.cli.output import (
    Column,
    moment,
    print_items,
    print_json,
    print_once,
    print_one,
    screen,
    short,
    when,
)
from gerbench.client import Client, Json, connect, path

app = typer.Typer(no_args_is_help=True, help="Saved views, and read-only links to one of them.")

View = Annotated[str, typer.Argument(metavar="NAME|ID", help="A saved view.")]


def panels(item: Json) -> str:
    """Return the analyses that a view shows."""
    return ", ".join(each["analysis"] for each in item["panels"])


def state(link: Json) -> str:
    """Return whether a link opens anything, and until when."""
    if link["open"]:
        return f"open until {moment(link['expires_at'])}"
    if link["revoked_at"] is not None:
        return f"revoked {moment(link['revoked_at'])}"
    return "closed"


COLUMNS = (
    Column("view", "name", wrap=True),
    Column("panels", panels, wrap=True),
    Column("saved by", "created_by"),
    Column("changed", when("changed_at")),
    Column("id", short("id")),
)
LINKS = (
    Column("link", short("id")),
    Column("state", state),
    Column("made by", "created_by"),
    Column("made", when("created_at")),
)


@app.command("list")
def list_dashboards(limit: Limit = None, data: Data = None, as_json: AsJson = False) -> None:
    """List the team's saved views."""
    with connect(data) as client:
        print_items(
            lambda most: client.items(path("dashboards"), limit=most),
            COLUMNS,
            as_json=as_json,
            limit=limit,
            none="No saved views.",
        )


@app.command("show")
def show_dashboard(view: View, data: Data = None, as_json: AsJson = False) -> None:
    """Show what a view is: its runs and its panels."""
    with connect(data) as client:
        found = client.get(path("dashboards", view))
    print_one(found, as_json=as_json)


@app.command(
    "save",
    epilog=examples(
        'gerbench dashboards save "Table 9" --panel main --panel classes --dataset rafdb',
        "gerbench dashboards save mine --panel pairwise --run 1f3a9c --run 07be21",
        "gerbench dashboards save mine --spec view.json",
    ),
)
def save_dashboard(
    name: Annotated[str, typer.Argument(metavar="NAME", help="No two views have the same.")],
    panel: Annotated[
        list[str] | None, typer.Option(metavar="ANALYSIS", help="As `gerbench analyses` names it.")
    ] = None,
    run: Annotated[
        list[str] | None,
        typer.Option(metavar="ID", help="These runs; its first characters are enough."),
    ] = None,
    job: Annotated[str | None, typer.Option(metavar="ID", help="Runs of this job.")] = None,
    dataset: Annotated[str | None, typer.Option(help="Of this dataset: name[@version].")] = None,
    model: Annotated[str | None, typer.Option(help="Of this model.")] = None,
    task: Annotated[Task | None, typer.Option(help="Of datasets of this task.")] = None,
    spec: SpecFile = None,
    data: Data = None,
    as_json: AsJson = False,
) -> None:
    """Save a view: a choice of runs, and the analyses that are shown of them."""
    body = {} if spec is None else read_object(spec)
    with connect(data) as client:
        chosen = _selection(client, run, job) | given(dataset=dataset, model=model, task=task)
        if chosen:
            body["selection"] = {**body.get("selection", {}), **chosen}
        if panel:
            body["panels"] = [{"analysis": each} for each in panel]
        if not body.get("panels"):
            raise typer.BadParameter("name an analysis to show", param_hint="--panel")
        made = client.post(path("dashboards"), {**body, "name": name})
    if as_json:
        print_json(made)
        return
    screen().print(f"View {made['name']!r} is saved: {panels(made)}.")


@app.command("remove")
def remove_dashboard(view: View, data: Data = None, as_json: AsJson = False) -> None:
    """Remove a view, and close every link to it; the runs stay."""
    with connect(data) as client:
        client.delete(path("dashboards", view))
    if as_json:
        print_json({"removed": view})
        return
    screen().print(f"View {view!r} is removed, and its links are closed.")


@app.command("share", epilog=examples('gerbench dashboards share "Table 9" --expires 7d'))
def share_dashboard(
    view: View,
    expires: Annotated[
        str | None, typer.Option(metavar="WHEN", help="30d, 12h, or a moment; at most a year.")
    ] = None,
    data: Data = None,
    as_json: AsJson = False,
) -> None:
    """Make a read-only link to a view and print it, this once."""
    body = {} if expires is None else {"expires_at": moment_of(expires)}
    with connect(data) as client:
        made = client.post(path("dashboards", view, "links"), body)
    ends = moment(made["expires_at"])
    told = f"This link is not shown again. Whoever has it sees the view until {ends}."
    print_once(made, "url", told, as_json=as_json)


@app.command("links")
def list_links(view: View, limit: Limit = None, data: Data = None, as_json: AsJson = False) -> None:
    """List the links to a view."""
    with connect(data) as client:
        print_items(
            lambda most: client.items(path("dashboards", view, "links"), limit=most),
            LINKS,
            as_json=as_json,
            limit=limit,
            none="No links.",
        )


@app.command("revoke")
def revoke_link(
    view: View,
    link: Annotated[str, typer.Argument(metavar="LINK", help="Its id, or its first characters.")],
    data: Data = None,
    as_json: AsJson = False,
) -> None:
    """Let a link open nothing any more."""
    with connect(data) as client:
        place = path("dashboards", view, "links")
        found = full_id(
            client, "links", link, place=place, hint=f"gerbench dashboards links {view}"
        )
        client.delete(path("dashboards", view, "links", found))
    if as_json:
        print_json({"revoked": found})
        return
    screen().print(f"Link {found} is revoked.")


def _selection(client: Client, runs: list[str] | None, job: str | None) -> Json:
    """Return the runs and the job that are meant by the first characters of their ids."""
    return given(
        runs=[full_id(client, "runs", one) for one in runs or ()],
        job=full_id(client, "jobs", job) if job else None,
    )
