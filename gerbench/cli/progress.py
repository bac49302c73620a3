"""How far a job has got, as renderables and lines: pure, from the body of GET /v1/jobs/{id}."""

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from rich.console import Group, RenderableType
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from core.vocabulary import Outcome
from gerbench.cli.output import NOTHING, Column, moment, plain, rows, short
from gerbench.client import Json

STYLES: Mapping[str, str] = {
    "queued": "dim",
    "running": "cyan",
    "paused": "yellow",
    "completed": "green",
    "failed": "red",
    "cancelled": "magenta",
    "answered": "green",
    "refused": "yellow",
    "unparsed": "magenta",
    "pending": "dim",
}
WINDOW_SECONDS = 30.0
JPEG_QUALITY = 95
"""The usual one; only others are shown."""
MINUTE, HOUR = 60, 3600
CENT = 0.01


@dataclass
class Rate:
    """Samples a second over the last half minute."""

    seen: deque[tuple[float, int]] = field(default_factory=deque)

    def after(self, done: int, now: float) -> float | None:
        """Return the rate now that `done` samples have ended; None before there is one."""
        self.seen.append((now, done))
        while now - self.seen[0][0] > WINDOW_SECONDS:
            self.seen.popleft()
        start, before = self.seen[0]
        return (done - before) / (now - start) if now > start else None


def ended(job: Json) -> int:
    """Return how many samples of a job or run have an outcome."""
    return sum(job["progress"][outcome] for outcome in Outcome)


def line(job: Json, rate: float | None) -> str:
    """Return a job's progress as one line of plain text."""
    samples = job["progress"]["samples"]
    parts = [f"{job['status']} {ended(job)}/{samples}", outcomes(job).plain, *_pace(job, rate)]
    parts += map(waits, job.get("batches") or ())
    if job.get("stalled"):
        parts.append(plain(job["stalled"]["detail"]))
    return "  ".join(parts)


def view(job: Json, rate: float | None = None) -> RenderableType:
    """Return a job's progress as it is shown on a screen."""
    head = Text.assemble(
        ("job ", "dim"), job["id"], ("  on ", "dim"), plain(job["dataset"]), "  ", status(job)
    )
    bar = Table.grid(padding=(0, 1))
    samples = job["progress"]["samples"]
    bar.add_row(
        ProgressBar(total=max(samples, 1), completed=ended(job), width=40),
        Text(f"{ended(job)}/{samples}"),
        Text("  ".join(_pace(job, rate)), style="dim"),
    )
    parts: list[RenderableType] = [head, bar, outcomes(job)]
    parts += [Text(waits(batch), style="dim") for batch in job.get("batches") or ()]
    if job.get("reason"):
        parts.append(Text(plain(job["reason"]), style="yellow"))
    return Group(*parts)


def waits(batch: Json) -> str:
    """Return what a job waits for at its provider."""
    lines = f"{batch['lines']} line{'s' * (batch['lines'] != 1)}"
    if batch["provider_id"] is None:
        told = f"batch {batch['id'][:8]} is {batch['state']}: {lines}"
    else:
        through = batch["completed"] + batch["failed"]
        told = (
            f"waits for {batch['provider_id']}: {batch['provider_status']},"
            f" {through} of {lines} through"
        )
    return plain(f"{told}; {batch['reason']}" if batch["reason"] else told)


def status(item: Json) -> Text:
    """Return where a job or run stands, in its colour."""
    return Text(item["status"], style=STYLES.get(item["status"], ""))


def outcomes(item: Json) -> Text:
    """Return the samples of a job or run by outcome, those that happened in their colour."""
    counts = item["progress"]
    parts = [
        Text(f"{word} {counts[word]}", style=STYLES.get(word, "red") if counts[word] else "dim")
        for word in (*Outcome, "pending")
    ]
    return Text("  ").join(parts)


def happened(item: Json) -> str:
    """Return the samples by outcome, without the outcomes that none had."""
    counts = item["progress"]
    return ", ".join(f"{counts[word]} {word}" for word in (*Outcome, "pending") if counts[word])


def _pace(job: Json, rate: float | None) -> list[str]:
    pace = [] if rate is None else [f"{rate:.1f} samples/s"]
    if job.get("eta_seconds") is not None:
        left = f"{duration(job['eta_seconds'])} left"
        until = f", until {moment(job.get('eta'))}" if job["eta_seconds"] >= HOUR else ""
        pace.append(left + until)
    return [*pace, cost(job)]


def cost(item: Json) -> str:
    """Return what a job or run cost; tokens where no price is known."""
    spent = item["cost"]
    if spent["usd"] is None:
        return f"{spent['prompt_tokens'] + spent['completion_tokens']:,} tokens"
    return money(spent["usd"])


def money(usd: float | None) -> str:
    """Return US dollars, to a hundredth of a cent where they are few."""
    if usd is None:
        return NOTHING
    return f"${usd:,.2f}" if usd >= CENT or usd == 0 else f"${usd:.4f}"


def seconds(latency: float | None) -> str | None:
    """Return how long a call took."""
    return None if latency is None else f"{latency:.2f} s"


def duration(span: float) -> str:
    """Return a time span to two units."""
    whole = round(span)
    if whole < MINUTE:
        return f"{whole} s"
    if whole < HOUR:
        return f"{whole // MINUTE} min {whole % MINUTE:02d} s"
    return f"{whole // HOUR} h {whole % HOUR // MINUTE:02d} min"


def condition(item: Mapping[str, Any]) -> str:
    """Return what a run holds fixed, in short."""
    held = item.get("condition") or {}
    pictures = () if held.get("modality") == "text" else ("color", "detail")
    parts = [held.get(name) for name in ("modality", "template", *pictures)]
    if held.get("frames"):
        parts.append(f"{held['frames']} frames")
    if held.get("longest_side"):
        parts.append(f"{held['longest_side']} px")
    if held.get("jpeg_quality", JPEG_QUALITY) != JPEG_QUALITY:
        parts.append(f"q{held['jpeg_quality']}")
    return plain(" ".join(str(part) for part in parts if part))


BATCHES = (
    Column("batch", short("id")),
    Column("state", "state"),
    Column("at the provider", "provider_id", wrap=True),
    Column("status there", "provider_status"),
    Column("lines", "lines", right=True),
    Column("answered", "completed", right=True),
    Column("failed", "failed", right=True),
    Column("until", lambda batch: moment(batch["expires_at"]), wrap=True),
    Column("reason", "reason", wrap=True),
)
RUNS = (
    Column("run", short("id")),
    Column("model", "model"),
    Column("condition", condition, wrap=True),
    Column("batch", "batch_size", right=True),
    Column("#", "repeat", right=True),
    Column("status", "status"),
    Column("samples", "progress.samples", right=True),
    Column("outcomes", happened, wrap=True),
    Column("cost", cost, right=True),
)


def whole_job(job: Json) -> RenderableType:
    """Return a job with all of its runs."""
    return Group(view(job), Text(""), rows(job.get("runs") or (), RUNS))
