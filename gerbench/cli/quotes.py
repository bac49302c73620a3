"""Quotes as renderables: pure, from the bodies of POST /v1/jobs/quote and GET /v1/jobs/{id}."""

from collections.abc import Mapping
from typing import Any

from rich.console import Console, RenderableType
from rich.text import Text

from gerbench.cli.output import NOTHING, Column, moment, plain, print_whole, rows
from gerbench.cli.progress import condition, duration, money
from gerbench.client import Json

BINDING: Mapping[str, str] = {
    "rpm": "requests per minute",
    "tpm": "tokens per minute",
    "rpd": "requests per day",
    "concurrency": "concurrency",
    "batch": "the provider's batch mode, at the latest",
}


def _tokens(figures: Json) -> str:
    """Return the expected tokens: of the prompts, and of the answers."""
    return f"{figures['prompt_tokens']:,} + {figures['completion_tokens']:,}"


def _extra(figures: Json) -> str:
    """Return what refusals and splits add to the requests."""
    extra = figures["overhead"]
    return NOTHING if extra is None else f"+{extra['requests']:,}"


FIGURES = (
    Column("samples", lambda each: f"{each['samples']:,}", right=True),
    Column("requests", lambda each: f"{each['requests']:,}", right=True),
    Column("overhead", _extra, right=True),
    Column("tokens in + out", _tokens, right=True),
    Column("cost", lambda each: money(each["usd"]), right=True),
    Column("with longest answers", lambda each: money(each["most_usd"]), right=True),
)
RUNS = (
    Column("model", "model"),
    Column("condition", condition, wrap=True),
    Column("batch", "batch_size", right=True),
    Column("runs", lambda each: f"{each['repeats']} x" if each["repeats"] else "all", right=True),
    *FIGURES,
)


def print_quote(console: Console, quote: Json) -> None:
    """Print a quote: a line for each kind of run, their sum, and when it will be done."""
    total = {**quote, "model": "sum", "repeats": 0}
    console.print(f"on {plain(quote['dataset'])}")
    print_whole(console, rows([*quote["runs"], total], RUNS))
    lines = [*map(_through, quote["models"]), _refusals(quote["overhead"]), _in_all(quote)]
    console.print("", *lines, sep="\n", soft_wrap=True)


def _through(model: Json) -> str:
    """Return when a model will be through with its part."""
    name = plain(model["model"])
    behind = f", behind {model['ahead']:,} requests of other jobs" if model["ahead"] else ""
    if model["seconds"] is None:
        return f"{name}: no telling when; no limit of it is known, and none of its calls was timed"
    end = moment(model["finish_at"])
    done = f", done at {end}" if end else ""
    return (
        f"{name}: {duration(model['seconds'])}, bound by {BINDING[model['bound_by']]}{behind}{done}"
    )


def _refusals(overhead: Json | None) -> str:
    """Return what past runs say of refusals."""
    if overhead is None:
        return "Overhead of refusals: not known, as some model has no completed run of such samples"
    usd = overhead["usd"]
    extra = _amounts(overhead["requests"], overhead["tokens"], usd)
    return (
        f"Overhead as in past runs: {100 * overhead['refused_share']:.1f} % of the samples"
        f" refused; {extra} more"
    )


def _in_all(quote: Json) -> str:
    """Return what is expected of a job, overhead included."""
    extra = quote["overhead"] or {"requests": 0, "tokens": 0, "usd": None}
    tokens = quote["prompt_tokens"] + quote["completion_tokens"] + extra["tokens"]
    usd = None if quote["usd"] is None else quote["usd"] + (extra["usd"] or 0.0)
    return f"In all: {_amounts(quote['requests'] + extra['requests'], tokens, usd)}"


def _amounts(requests: int, tokens: int, usd: float | None) -> str:
    """Return requests, tokens, and dollars where they are known."""
    parts = [f"{requests:,} requests", f"{tokens:,} tokens"]
    return ", ".join(parts if usd is None else [*parts, money(usd)])


def against(job: Json) -> RenderableType:
    """Return what was quoted for a job beside what it took so far."""
    compared = job["against_quote"]
    parts = [
        _pair(compared["usd"], money, "spent"),
        _pair(compared["tokens"], _whole, "used", " tokens"),
        _pair(compared["requests"], _whole, "made", " requests"),
        _pair(compared["seconds"], duration, "took"),
    ]
    return Text("; ".join(part for part in parts if part), style="dim")


def _pair(figure: Json, shown: Any, verb: str, unit: str = "") -> str:
    """Return one figure of a quote beside what became of it; empty where either is not known."""
    if figure["quoted"] is None or figure["actual"] is None:
        return ""
    return f"quoted {shown(figure['quoted'])}, {verb} {shown(figure['actual'])}{unit}"


def _whole(number: float) -> str:
    return f"{round(number):,}"
