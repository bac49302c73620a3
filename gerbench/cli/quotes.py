"""Quotes as renderables: pure, from the bodies of POST /v1/jobs/quote and GET /v1/jobs/{id}."""

from collections.abc import Mapping
from typing import Any

from rich.console import Group, RenderableType
from rich.text import Text

from gerbench.cli.output import NOTHING, Column, moment, plain, rows
from gerbench.cli.progress import condition, duration, money
from gerbench.client import Json

BINDING: Mapping[str, str] = {
    "rpm": "requests per minute",
    "tpm": "tokens per minute",
    "rpd": "requests per day",
    "concurrency": "concurrency",
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


def whole(quote: Json) -> RenderableType:
    """Return a quote: a line for each kind of run, their sum, and when it will be done."""
    total = {**quote, "model": "sum", "repeats": 0}
    parts: list[RenderableType] = [
        Text(f"on {plain(quote['dataset'])}"),
        rows([*quote["runs"], total], RUNS),
        Text(""),
        *(Text(_through(model)) for model in quote["models"]),
        Text(_refusals(quote["overhead"])),
    ]
    return Group(*parts)


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


def _refusals(overhead: Mapping[str, Any] | None) -> str:
    """Return what past runs say of refusals."""
    if overhead is None:
        return "Overhead of refusals: not known, as some model has no completed run of such samples"
    cost = "" if overhead["usd"] is None else f", {money(overhead['usd'])}"
    return (
        f"Overhead as in past runs: {100 * overhead['refused_share']:.1f} % of the samples refused,"
        f" {overhead['requests']:,} more requests{cost}"
    )


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
