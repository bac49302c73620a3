"""What scoring a run again changes, as renderables: pure, from the API's bodies."""

from rich.console import Group, RenderableType
from rich.text import Text

from gerbench.cli.output import NOTHING, Column, moment, plain, rows
from gerbench.cli.show import percent
from gerbench.client import Json

COUNTED = frozenset(
    {"samples", "answered", "refused", "unparsed", "failed", "pending", "scored"}
    | {"out_of_vocabulary", "support"}
)
"""Figures that are no fractions."""


def _said(reading: Json) -> str:
    """Return what was read: the ranked labels, else the outcome."""
    return plain(reading["ranked"]) if reading["outcome"] == "answered" else reading["outcome"]


def _figure(item: Json, key: str) -> str:
    """Return a figure: fractions as percent, a rise or fall with its sign."""
    value = item[key]
    sign = "+" if key == "delta" and value is not None and value > 0 else ""
    if value is None:
        return NOTHING
    counted = item["metric"].rpartition(".")[2] in COUNTED
    return f"{sign}{value:.0f}" if counted else f"{sign}{percent(value)}"


SAMPLES = (
    Column("sample", "name", wrap=True),
    Column("before", lambda item: _said(item["before"]), wrap=True),
    Column("after", lambda item: _said(item["after"]), wrap=True),
)
FIGURES = (
    Column("figure", "metric", wrap=True),
    Column("before", lambda item: _figure(item, "before"), right=True),
    Column("after", lambda item: _figure(item, "after"), right=True),
    Column("delta", lambda item: _figure(item, "delta"), right=True),
)
SCORES = (
    Column("version", "version", right=True),
    Column("scored", lambda item: moment(item["scored_at"])),
    Column("parser", "parser", right=True),
    Column("changed", "samples_changed", right=True),
    Column("headline", lambda item: percent(item["metrics"]["headline"]["value"]), right=True),
    Column("note", "note", wrap=True),
)


def report(body: Json) -> RenderableType:
    """Return what changed, sample by sample and figure by figure."""
    count = body["samples_changed"]
    head = f"{body['replies_read']} stored replies read again: {count} samples changed"
    parts: list[RenderableType] = [Text(head, style="bold")]
    parts += [
        Text(f"  {move['before']} to {move['after']}: {move['samples']}")
        for move in body["outcomes_changed"]
    ]
    for items, columns in ((body["samples"], SAMPLES), (body["metrics"], FIGURES)):
        if items:
            parts += [Text(""), rows(items, columns)]
    if count > len(body["samples"]):
        parts.append(Text(f"\n{count - len(body['samples'])} more samples: see --limit"))
    return Group(*parts, Text(""), Text(_end(body)))


def _end(body: Json) -> str:
    if body["applied"]:
        return f"Written as version {body['version']}"
    if body["samples_changed"] or body["metrics"]:
        return "Nothing was written; --apply writes it"
    return f"Nothing changes; version {body['version']} holds"
