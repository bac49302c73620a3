"""`gerbench jobs`: submit evaluations and see them through."""

from pathlib import Path
from typing import Annotated

import typer

from core.rules.states import Status
from core.vocabulary import Color, Detail, Modality
from gerbench.cli import progress
from gerbench.cli.options import (
    AsJson,
    Data,
    Limit,
    examples,
    full_id,
    given,
    pairs,
    read_object,
)
from gerbench.cli.output import Column, moment, print_items, print_json, rows, screen, short
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
Dataset = Annotated[str | None, typer.Option(metavar="NAME[@VERSION]", help="Imported before.")]
Models = Annotated[list[str] | None, typer.Option(help="Repeatable.")]
Modalities = Annotated[
    list[Modality] | None, typer.Option(help="Default: the dataset's own; repeatable.")
]
Templates = Annotated[list[str] | None, typer.Option(metavar="NAME[@VERSION]", help="Repeatable.")]
Frames = Annotated[list[int] | None, typer.Option(min=1, help="Frames of each video; repeatable.")]
Colors = Annotated[list[Color] | None, typer.Option(help="Repeatable.")]
Details = Annotated[list[Detail] | None, typer.Option(help="Repeatable.")]
Repeats = Annotated[int | None, typer.Option(min=1, help="Runs of each kind. Default: 1.")]
BatchSize = Annotated[
    list[int] | None,
    typer.Option(min=1, help="Samples in a request. Default: by modality; repeatable."),
]
SampleLimit = Annotated[
    int | None, typer.Option(min=1, help="Only so many samples, drawn by the seed.")
]
Seed = Annotated[int | None, typer.Option(min=0, help="Of the samples' order.")]
Priority = Annotated[int | None, typer.Option(help="Higher goes first. Default: 0.")]
Tags = Annotated[list[str] | None, typer.Option(metavar="KEY=VALUE", help="Repeatable.")]
JobFile = Annotated[
    Path | None,
    typer.Option(metavar="FILE", help="The whole job as JSON, - for stdin."),
]
IdempotencyKey = Annotated[str | None, typer.Option(help="The same key and body make one job.")]
Follow = Annotated[bool, typer.Option("--watch", help="Watch it until it ends.")]


@app.command(
    "submit",
    epilog=examples(
        "gerbench jobs submit --dataset my-faces --model gpt-4o --limit 100 --watch",
        "gerbench jobs submit --dataset my-faces --model gpt-4o --model local"
        " --color rgb --color gray --repeats 3 --tag paper=table-9",
        "gerbench jobs submit --dataset my-faces --model gpt-4o --batch-size 1 --batch-size 20",
        "gerbench jobs submit --file job.json --idempotency-key table-9",
    ),
)
def submit_job(
    *,
    dataset: Dataset = None,
    model: Models = None,
    modality: Modalities = None,
    template: Templates = None,
    frames: Frames = None,
    color: Colors = None,
    detail: Details = None,
    repeats: Repeats = None,
    batch_size: BatchSize = None,
    limit: SampleLimit = None,
    seed: Seed = None,
    priority: Priority = None,
    tag: Tags = None,
    file: JobFile = None,
    idempotency_key: IdempotencyKey = None,
    follow: Follow = False,
    interval: Interval = INTERVAL,
    data: Data = None,
    as_json: AsJson = False,
) -> None:
    """Submit a job: every model under every condition, repeated, over one dataset."""
    conditions = given(
        modality=modality, template=template, frames=frames, color=color, detail=detail
    )
    options = given(
        dataset=dataset,
        models=model,
        conditions=conditions,
        repeats=repeats,
        batch_size=batch_size[0] if batch_size and len(batch_size) == 1 else batch_size,
        sample_limit=limit,
        seed=seed,
        priority=priority,
        tags=pairs(tag or (), "--tag"),
    )
    body = _submission(options, file)
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


def _submission(options: Json, file: Path | None) -> Json:
    """Return the body of a job, from options or from a file."""
    if file is not None:
        if options:
            raise typer.BadParameter("--file holds the whole job: give no other part of it")
        return read_object(file)
    for required, option in (("dataset", "--dataset"), ("models", "--model")):
        if required not in options:
            raise typer.BadParameter(f"give {option}, or the whole job as --file")
    return options


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
        screen().print(progress.whole_job(job))
