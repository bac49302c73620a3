"""`gerbench runs`: what came out, down to each exchange with a provider."""

import json
from typing import Annotated

import typer

from core.rules.states import Status
from core.vocabulary import ExportFormat, Outcome
from gerbench.cli import auditing, exporting, progress, rescoring, show
from gerbench.cli.options import AsJson, Data, Limit, examples, full_id, given
from gerbench.cli.output import (
    Column,
    fields,
    moment,
    plain,
    print_items,
    print_json,
    print_json_array,
    print_one,
    screen,
    short,
)
from gerbench.cli.tree import requests_tree
from gerbench.client import connect, path

app = typer.Typer(
    no_args_is_help=True, help="What came out, down to each exchange with a provider."
)

COLUMNS = (
    progress.RUNS[0],
    Column("job", short("job")),
    Column("dataset", "dataset", wrap=True),
    *progress.RUNS[1:],
)
PREDICTIONS = (
    Column("sample", "sample.name", wrap=True),
    Column("target", "sample.target"),
    Column("outcome", "outcome"),
    Column("label", "label"),
    Column("right", lambda item: item["rank"] == 1 if item.get("label") else None),
    Column("ranked", "ranked", wrap=True),
    Column("attempt", "attempt_id", right=True),
)
ATTEMPTS = (
    Column("attempt", "id", right=True),
    Column("request", "request_id", right=True),
    Column("number", "number", right=True),
    Column("result", "result"),
    Column("status", "status", right=True),
    Column("sent", lambda item: moment(item["sent_at"]), wrap=True),
    Column("latency", lambda item: progress.seconds(item.get("latency_s")), right=True),
    Column("tokens in", "prompt_tokens", right=True),
    Column("out", "completion_tokens", right=True),
    Column("cost", lambda item: progress.money(item.get("cost_usd")), right=True),
    Column("reason", "reason", wrap=True),
)

RunId = Annotated[str, typer.Argument(metavar="ID", help="Its first characters are enough.")]


@app.command("list", epilog=examples("gerbench runs list --job 1f3a9c", "gerbench runs list"))
def list_runs(
    job: Annotated[str | None, typer.Option(metavar="ID", help="Only of this job.")] = None,
    status: Annotated[Status | None, typer.Option(help="Only those that stand there.")] = None,
    limit: Limit = None,
    data: Data = None,
    as_json: AsJson = False,
) -> None:
    """List the runs, the newest first."""
    with connect(data) as client:
        job_id = full_id(client, "jobs", job) if job else None
        print_items(
            lambda most: client.items(path("runs"), limit=most, job=job_id, status=status),
            COLUMNS,
            as_json=as_json,
            limit=limit,
            none="No runs; `gerbench jobs submit` makes them.",
        )


@app.command("show")
def show_run(run_id: RunId, data: Data = None, as_json: AsJson = False) -> None:
    """Show a run and how far it has got."""
    with connect(data) as client:
        print_one(client.get(path("runs", full_id(client, "runs", run_id))), as_json=as_json)


@app.command("metrics", epilog=examples("gerbench runs metrics 1f3a9c"))
def show_metrics(run_id: RunId, data: Data = None, as_json: AsJson = False) -> None:
    """Show a run's figures: metrics with intervals, coverage, classes, confusion."""
    with connect(data) as client:
        found = client.get(path("runs", full_id(client, "runs", run_id), "metrics"))
    if as_json:
        print_json(found)
    else:
        screen().print(show.metrics(found))


@app.command("rescore", epilog=examples("gerbench runs rescore 1f3a9c --apply --note 'parser 2'"))
def rescore_run(
    run_id: RunId,
    apply: Annotated[bool, typer.Option("--apply", help="Write what changes.")] = False,
    note: Annotated[str | None, typer.Option(help="Why; kept with the new version.")] = None,
    limit: Annotated[
        int | None, typer.Option(min=0, metavar="N", help="Samples to list. Default: 100.")
    ] = None,
    data: Data = None,
    as_json: AsJson = False,
) -> None:
    """Parse the stored replies again and score: at no cost, nothing is sent."""
    with connect(data) as client:
        place = path("runs", full_id(client, "runs", run_id), "rescore")
        body = given(apply=apply, note=note, limit=limit)
        found = client.post(place, body, patient=True)
    if as_json:
        print_json(found)
    else:
        screen().print(rescoring.report(found))


@app.command("audit", epilog=examples("gerbench runs audit 1f3a9c --samples 200"))
def audit_run(
    run_id: RunId,
    samples: Annotated[
        int | None, typer.Option(min=1, help="How many of the run's samples. Default: 100.")
    ] = None,
    seed: Annotated[int | None, typer.Option(min=0, help="Of their choice. Default: 1.")] = None,
    idempotency_key: Annotated[
        str | None, typer.Option(help="The same key and body make one job.")
    ] = None,
    data: Data = None,
    as_json: AsJson = False,
) -> None:
    """Ask again about a random subset of a run, one sample a request: does batching matter?"""
    with connect(data) as client:
        full = full_id(client, "runs", run_id)
        headers = given(**{"Idempotency-Key": idempotency_key})
        body = given(samples=samples, seed=seed)
        job = client.post(path("runs", full, "audit"), body, headers=headers)
    if as_json:
        print_json(job)
    else:
        screen().print(auditing.report(job, full))


@app.command("scores")
def list_scores(
    run_id: RunId, limit: Limit = None, data: Data = None, as_json: AsJson = False
) -> None:
    """List the scorings of a run, the newest first; that one holds."""
    with connect(data) as client:
        place = path("runs", full_id(client, "runs", run_id), "scores")
        print_items(
            lambda most: client.items(place, limit=most),
            rescoring.SCORES,
            as_json=as_json,
            limit=limit,
            none="Not scored yet: the run has not ended.",
        )


@app.command("predictions", epilog=examples("gerbench runs predictions 1f3a9c --outcome refused"))
def list_predictions(
    run_id: RunId,
    outcome: Annotated[Outcome | None, typer.Option(help="Only those that ended so.")] = None,
    limit: Limit = None,
    data: Data = None,
    as_json: AsJson = False,
) -> None:
    """List what a run says of each sample."""
    with connect(data) as client:
        place = path("runs", full_id(client, "runs", run_id), "predictions")
        print_items(
            lambda most: client.items(place, limit=most, outcome=outcome),
            PREDICTIONS,
            as_json=as_json,
            limit=limit,
            none="No predictions.",
        )


@app.command("export", epilog=examples("gerbench runs export 1f3a9c --output run.parquet"))
def export_run(
    run_id: RunId,
    form: exporting.Format = None,
    output: exporting.Output = None,
    attempts: Annotated[
        bool, typer.Option("--attempts", help="Every exchange instead, bodies too; as jsonl.")
    ] = False,
    data: Data = None,
) -> None:
    """Write all predictions of a run to a file: csv, jsonl or parquet."""
    if attempts and form not in {None, ExportFormat.JSONL}:
        raise typer.BadParameter("--attempts come as jsonl")
    with connect(data) as client:
        place = path("runs", full_id(client, "runs", run_id), *["attempts"] * attempts, "export")
        wanted = ExportFormat.JSONL if attempts else exporting.form_of(form, output)
        exporting.export(client, place, wanted, output)


@app.command("requests")
def list_requests(
    run_id: RunId,
    every: Annotated[bool, typer.Option("--every", help="Those answered at once too.")] = False,
    data: Data = None,
    as_json: AsJson = False,
) -> None:
    """Show a run's requests as a tree: what was split or asked again, and why."""
    with connect(data) as client:
        full = full_id(client, "runs", run_id)
        found = client.items(path("runs", full, "requests"))
        if as_json:
            print_json_array(found)
        else:
            screen().print(requests_tree(full, found, every=every))


@app.command("attempts")
def list_attempts(
    run_id: RunId, limit: Limit = None, data: Data = None, as_json: AsJson = False
) -> None:
    """List every exchange of a run with its provider, failed ones too."""
    with connect(data) as client:
        place = path("runs", full_id(client, "runs", run_id), "attempts")
        print_items(
            lambda most: client.items(place, limit=most),
            ATTEMPTS,
            as_json=as_json,
            limit=limit,
            none="No attempts.",
        )


@app.command("attempt")
def show_attempt(
    attempt_id: Annotated[int, typer.Argument(metavar="ATTEMPT_ID")],
    data: Data = None,
    as_json: AsJson = False,
) -> None:
    """Show one exchange verbatim: what was sent, and what came back."""
    with connect(data) as client:
        found = client.get(path("attempts", attempt_id))
    if as_json:
        print_json(found)
        return
    console = screen()
    sent, headers, body = (found.pop(name, None) for name in ("sent", "headers", "body"))
    console.print(fields(found))
    console.print("\nSent", style="bold")
    console.print(plain(json.dumps(sent, indent=2, ensure_ascii=False)), soft_wrap=True)
    console.print(f"\nReceived: {found.get('status') or 'no whole reply'}", style="bold")
    if headers:
        console.print(fields(headers))
    console.print(plain(body), soft_wrap=True)
