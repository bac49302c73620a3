"""`gerbench jobs`: submit evaluations and see them through."""

from pathlib import Path
from typing import Annotated

import typer
from rich.text import Text

from core.rules.states import Status
from gerbench.cli import budgets, exporting, progress, quotes, webhooks
from gerbench.cli.budgets import NoLimit, Requests, Usd
from gerbench.cli.options import AsJson, Data, Limit, examples, full_id, given
from gerbench.cli.output import Column, moment, print_items, print_json, rows, screen, short
from gerbench.cli.submission import takes_job
from gerbench.cli.watch import INTERVAL, watch
from gerbench.client import Client, Json, connect, path

app = typer.Typer(no_args_is_help=True, help="Submit evaluations and see them through.")

NOT_COMPLETED = 3
INTERRUPTED = 130

COLUMNS = (
    Column("job", short("id")),
    Column("status", "status"),
    Column("dataset", "dataset", wrap=True),
    Column("models", lambda job: sorted({run["model"] for run in job["runs"]}), wrap=True),
    Column("runs", lambda job: len(job["runs"]), right=True),
    Column("ended", lambda job: f"{progress.ended(job)}/{job['progress']['samples']}", right=True),
    Column("cost", progress.cost, right=True),
    Column("created", lambda job: moment(job["created_at"]), wrap=True),
    Column("reason", "reason", wrap=True),
)

JobId = Annotated[str, typer.Argument(metavar="ID", help="Its first characters are enough.")]
Interval = Annotated[float, typer.Option(min=0.01, metavar="S", help="Seconds between looks.")]
IdempotencyKey = Annotated[str | None, typer.Option(help="The same key and body make one job.")]
Follow = Annotated[bool, typer.Option("--watch", help="Watch it until it ends.")]


@app.command(
    "submit",
    epilog=examples(
        "gerbench jobs submit --dataset my-faces --model gpt-4o --limit 100 --watch",
        "gerbench jobs submit --dataset my-faces --model gpt-4o --model local"
        " --color rgb --color gray --repeats 3 --tag paper=table-9",
        "gerbench jobs submit --dataset my-faces --model gpt-4o --batch-size 1 --batch-size 20",
        "gerbench jobs submit --dataset my-faces --model gpt-4o --dispatch batch",
        "gerbench jobs submit --file job.json --idempotency-key table-9",
    ),
)
@takes_job
def submit_job(
    *,
    body: Json,
    idempotency_key: IdempotencyKey = None,
    follow: Follow = False,
    interval: Interval = INTERVAL,
    data: Data = None,
    as_json: AsJson = False,
) -> None:
    """Submit a job: every model under every condition, repeated, over one dataset."""
    headers = given(**{"Idempotency-Key": idempotency_key})
    with connect(data) as client:
        job = client.post(path("jobs"), body, headers=headers)
        if follow:
            _see_through(client, job["id"], interval, as_json=as_json)
        elif as_json:
            print_json(job)
        else:
            runs = len(job["runs"])
            screen().print(
                f"job {job['id']} is {job['status']}: {runs} run{'s' * (runs != 1)},"
                f" {job['progress']['samples']} samples of {job['dataset']}\n"
                f"Watch it: gerbench jobs watch {job['id'][:8]}"
            )


@app.command(
    "quote",
    epilog=examples("gerbench jobs quote --dataset my-faces --model gpt-4o --repeats 3"),
)
@takes_job
def quote_job(*, body: Json, data: Data = None, as_json: AsJson = False) -> None:
    """Tell what a job would need: requests, tokens, dollars, time. Nothing is sent."""
    with connect(data) as client:
        quote = client.post(path("jobs", "quote"), body)
    if as_json:
        print_json(quote)
    else:
        quotes.print_quote(screen(), quote)


@app.command("list", epilog=examples("gerbench jobs list --status running"))
def list_jobs(
    status: Annotated[Status | None, typer.Option(help="Only those that stand there.")] = None,
    limit: Limit = None,
    data: Data = None,
    as_json: AsJson = False,
) -> None:
    """List the jobs, the newest first."""
    with connect(data) as client:
        print_items(
            lambda most: client.items(path("jobs"), limit=most, status=status),
            COLUMNS,
            as_json=as_json,
            limit=limit,
            none="No jobs; submit one with `gerbench jobs submit`.",
        )


@app.command("show")
def show_job(job_id: JobId, data: Data = None, as_json: AsJson = False) -> None:
    """Show a job and its runs."""
    with connect(data) as client:
        _print_job(client.get(path("jobs", full_id(client, "jobs", job_id))), as_json=as_json)


@app.command("watch")
def watch_job(
    job_id: JobId, interval: Interval = INTERVAL, data: Data = None, as_json: AsJson = False
) -> None:
    """Watch a job until it ends. Exits 0 when it completed, else 3."""
    with connect(data) as client:
        _see_through(client, full_id(client, "jobs", job_id), interval, as_json=as_json)


@app.command("batches")
def list_batches(
    job_id: JobId, limit: Limit = None, data: Data = None, as_json: AsJson = False
) -> None:
    """List the files of a job at its providers, the newest first."""
    with connect(data) as client:
        full = full_id(client, "jobs", job_id)
        print_items(
            lambda most: client.items(path("jobs", full, "batches"), limit=most),
            progress.BATCHES,
            as_json=as_json,
            limit=limit,
            none="No batches: the job is sent online, or is not planned yet.",
        )


@app.command("cancel")
def cancel_job(job_id: JobId, data: Data = None, as_json: AsJson = False) -> None:
    """End a job for good; what was answered is kept."""
    _move(job_id, "cancel", data, as_json=as_json)


@app.command("pause")
def pause_job(job_id: JobId, data: Data = None, as_json: AsJson = False) -> None:
    """Send nothing new for a job until it is resumed."""
    _move(job_id, "pause", data, as_json=as_json)


@app.command("resume")
def resume_job(job_id: JobId, data: Data = None, as_json: AsJson = False) -> None:
    """Go on with a job that is paused."""
    _move(job_id, "resume", data, as_json=as_json)


@app.command("retry")
def retry_job(job_id: JobId, data: Data = None, as_json: AsJson = False) -> None:
    """Ask again about the samples of a job that failed."""
    _move(job_id, "retry", data, as_json=as_json)


@app.command(
    "budget",
    epilog=examples(
        "gerbench jobs budget 0a1b2c3d --usd 10", "gerbench jobs budget 0a1b2c3d --no-limit"
    ),
)
def set_budget(
    job_id: JobId,
    usd: Usd = None,
    requests: Requests = None,
    no_limit: NoLimit = False,
    data: Data = None,
    as_json: AsJson = False,
) -> None:
    """Change what a job may spend. One that is paused goes on when it is resumed."""
    body = budgets.change(usd, requests, no_limit=no_limit)
    with connect(data) as client:
        full = full_id(client, "jobs", job_id)
        _print_job(client.patch(path("jobs", full), body), as_json=as_json)


@app.command("export", epilog=examples("gerbench jobs export 1f3a9c --output job.parquet"))
def export_job(
    job_id: JobId,
    form: exporting.Format = None,
    output: exporting.Output = None,
    data: Data = None,
) -> None:
    """Write the predictions of all runs of a job to one file: csv, jsonl or parquet."""
    with connect(data) as client:
        place = path("jobs", full_id(client, "jobs", job_id), "export")
        exporting.export(client, place, exporting.form_of(form, output), output)


@app.command("deliveries")
def list_deliveries(
    job_id: JobId, limit: Limit = None, data: Data = None, as_json: AsJson = False
) -> None:
    """Show what was sent to the --webhook-url of a job, and what came back."""
    with connect(data) as client:
        place = path("jobs", full_id(client, "jobs", job_id))
        webhooks.print_deliveries(client, place, limit, as_json=as_json)


@app.command("redeliver", epilog=examples("gerbench jobs redeliver 1f3a9c 81d2"))
def redeliver(
    job_id: JobId, delivery: webhooks.DeliveryId, data: Data = None, as_json: AsJson = False
) -> None:
    """Send a delivery of a job once more, under the same id."""
    with connect(data) as client:
        place = path("jobs", full_id(client, "jobs", job_id))
        hint = f"gerbench jobs deliveries {job_id}"
        webhooks.send_again(client, place, delivery, hint=hint, as_json=as_json)


def _move(job_id: str, move: str, data: Path | None, *, as_json: bool) -> None:
    """Ask for a move of a job and show where it then stands."""
    with connect(data) as client:
        full = full_id(client, "jobs", job_id)
        _print_job(client.post(path("jobs", full, move)), as_json=as_json)


def _see_through(client: Client, job_id: str, interval: float, *, as_json: bool) -> None:
    """Watch a job to its end and exit as it ended."""
    # As JSON, standard output is the job's alone.
    console = screen(stderr=as_json)
    try:
        job = watch(client, job_id, console, interval=interval)
    except KeyboardInterrupt:
        screen(stderr=True).print(
            f"\nNo longer watching; job {job_id} goes on.\n"
            f"Watch it again: gerbench jobs watch {job_id[:8]}\n"
            f"Cancel it:      gerbench jobs cancel {job_id[:8]}"
        )
        raise typer.Exit(INTERRUPTED) from None
    if as_json:
        print_json(job)
    else:
        console.print(rows(job["runs"], progress.RUNS))
        console.print(quotes.against(job))
    if job["status"] != Status.COMPLETED:
        _explain(job)
        raise typer.Exit(NOT_COMPLETED)
    if not as_json:
        console.print(f"Figures of a run: gerbench runs metrics {job['runs'][0]['id'][:8]}")


def _explain(job: Json) -> None:
    """Say why a job did not complete and what can be done."""
    console = screen(stderr=True)
    reason = f": {job['reason']}" if job.get("reason") else ""
    console.print(f"job {job['id']} is {job['status']}{reason}", soft_wrap=True)
    short_id = job["id"][:8]
    if job["status"] == Status.PAUSED:
        console.print(f"Once that is put right: gerbench jobs resume {short_id}")
    if job["status"] == Status.FAILED:
        console.print(f"Ask again about what failed: gerbench jobs retry {short_id}")


def _print_job(job: Json, *, as_json: bool) -> None:
    if as_json:
        print_json(job)
    else:
        screen().print(progress.whole_job(job), Text(""), quotes.against(job), sep="\n")
        if (budget := budgets.of_job(job)) is not None:
            screen().print(Text(budget, style="dim"))
