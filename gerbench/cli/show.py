"""The figures of a run as renderables: pure, from the body of GET /v1/runs/{id}/metrics."""

from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from core.rules.tables import points
from gerbench.cli.output import NOTHING, Column, plain, table
from gerbench.cli.progress import condition
from gerbench.client import Json

FIGURES: Mapping[str, str] = {
    "accuracy": "accuracy",
    "uar": "UAR",
    "weighted_f1": "weighted F1",
    "macro_f1": "macro F1",
}
COVERAGE = ("answered", "refused", "unparsed", "failed", "pending")
BRIEF: Mapping[str, str] = {"out_of_vocabulary": "other"}
"""Heads of the confusion matrix that are shorter on a screen."""
FEW, LONG = 6, 10
"""Columns of a confusion matrix, and the characters of a head that there is room for then."""
MANY, SHORT = 9, 5
"""The same for most matrices; columns beyond these are numbered, not named."""
DARKEST, BRIGHTEST = 30, 140


def metrics(body: Json) -> RenderableType:
    """Return everything about a run's figures, as a person wants to read it."""
    return Group(
        title(body),
        Text(""),
        figures(body),
        Text(""),
        coverage(body),
        baselines(body),
        top_k(body),
        *references(body),
        Text("\nEach class", style="bold"),
        per_class(body),
        Text("\nConfusion: targets down, answers across", style="bold"),
        confusion(body["confusion"]),
    )


def title(body: Json) -> Text:
    """Return what the run is of, and its headline figure."""
    headline = body["headline"]
    name = FIGURES.get(headline["metric"], headline["metric"])
    return Text.assemble(
        (plain(body.get("model")), "bold"),
        (" on ", "dim"),
        plain(body.get("dataset")),
        (f"  ({condition(body)})  ", "dim"),
        (f"{name} {percent(headline['value'])}", "bold green"),
    )


def figures(body: Json) -> Table:
    """Return the four metrics with their intervals, and what missing answers could do to them."""
    made = table(
        "figure",
        *(Column(head, "", right=True) for head in ("value", "±", "95 % interval")),
        *(Column(head, "", right=True) for head in ("strict", "bounds")),
    )
    for key, name in FIGURES.items():
        figure = body[key]
        headline = body["headline"]["metric"] == key
        made.add_row(
            Text(name),
            percent(figure["value"]),
            half_width(figure.get("ci95")),
            span(figure.get("ci95")),
            percent(figure.get("strict")),
            span(figure.get("bounds")),
            style="bold" if headline else "",
        )
    return made


def coverage(body: Json) -> Text:
    """Return how many samples the figures are made of, and what became of the others."""
    counts = ", ".join(
        f"{body[word]} {word}" for word in COVERAGE if word != "pending" or body.get(word)
    )
    share = percent(body["answered"] / body["samples"]) if body["samples"] else NOTHING
    text = f"Coverage   {counts} of {body['samples']} samples ({share} answered)"
    if body.get("out_of_vocabulary"):
        text += f"; {body['out_of_vocabulary']} answered outside the labels"
    return Text(f"{text}; {body['scored']} scored")


def baselines(body: Json) -> Text:
    """Return what knowing nothing would score."""
    found = body.get("baselines") or {}
    name = FIGURES.get(body["headline"]["metric"], "")
    majority, random = (percent(found.get(which)) for which in ("majority", "random"))
    return Text(f"Baselines  {name}: majority {majority}, random {random}")


def references(body: Json) -> Sequence[RenderableType]:
    """Return what published systems score on the same dataset, and how far the run is from it."""
    found = body.get("references")
    if not found:
        return ()
    made = table("system", "kind", "metric", *(Column(h, "", right=True) for h in ("value", "Δ")))
    for each in found:
        made.add_row(
            Text(plain(each["system"])),
            each["kind"],
            FIGURES.get(each["metric"], each["metric"]),
            percent(each["value"]),
            NOTHING if each["delta"] is None else points(each["delta"]),
        )
    return Text("\nPublished systems; Δ: this run less theirs", style="bold"), made


def top_k(body: Json) -> Text:
    """Return how often the target is among the first labels."""
    shares = body.get("top_k") or {}
    ranked = sorted(shares.items(), key=lambda item: int(item[0]))
    return Text("Top k      " + ", ".join(f"top {k} {percent(share)}" for k, share in ranked))


def per_class(body: Json) -> Table:
    """Return precision, recall, F1 and support of each class."""
    heads = ("precision", "recall", "F1", "support")
    made = table("class", *(Column(head, "", right=True) for head in heads))
    for row in body["per_class"]:
        shares = (percent(row[key]) for key in ("precision", "recall", "f1"))
        made.add_row(Text(plain(row["label"])), *shares, str(row["support"]))
    return made


def confusion(body: Json) -> Table:
    """Return the confusion matrix: hits in green, errors in red, the more the brighter.

    Columns in which there is no sample are left out, those of the labels excepted.
    """
    labels = body["labels"]
    shown = [
        place
        for place in range(len(body["columns"]))
        if place < len(labels) or any(row[place] for row in body["counts"])
    ]
    heads = _heads([body["columns"][place] for place in shown])
    numbered = len(shown) > MANY or len(set(heads)) < len(heads)
    if numbered:
        heads[: len(labels)] = [str(n) for n in range(1, len(labels) + 1)]
    made = table("", *(Column(head, "", right=True) for head in heads))
    for row, (label, counts) in enumerate(zip(labels, body["counts"], strict=True)):
        cells = _shaded(counts, row)
        name = f"{row + 1} {plain(label)}" if numbered else plain(label)
        made.add_row(Text(name), *(cells[place] for place in shown))
    return made


def _heads(columns: Sequence[str]) -> list[str]:
    """Return beginnings of columns' names, so short that a screen has room for all."""
    length = LONG if len(columns) <= FEW else SHORT
    return [plain(BRIEF.get(column, column))[:length] for column in columns]


def _shaded(counts: Sequence[int], row: int) -> list[Text]:
    """Return a row's counts, each on a colour as strong as its share of the row."""
    total = sum(counts)
    return [
        Text(str(count), style=_shade(count / total, hit=place == row))
        if count
        else Text("·", style="dim")
        for place, count in enumerate(counts)
    ]


def _shade(share: float, *, hit: bool) -> str:
    level = round(DARKEST + share * (BRIGHTEST - DARKEST))
    return f"white on rgb(0,{level},0)" if hit else f"white on rgb({level},0,0)"


def percent(share: float | None) -> str:
    """Return a fraction as percent; a dash where there is no figure."""
    return NOTHING if share is None else f"{100 * share:.2f} %"


def half_width(interval: Sequence[float] | None) -> str:
    """Return half of an interval's width, in percentage points."""
    return NOTHING if interval is None else f"{50 * (interval[1] - interval[0]):.2f}"


def span(interval: Sequence[float] | None) -> str:
    """Return both ends of an interval, in percent."""
    return NOTHING if interval is None else f"{100 * interval[0]:.2f} to {100 * interval[1]:.2f}"


def all_metrics(bodies: Sequence[Json]) -> Table:
    """Return the headline figures of several runs, one a line, to be compared."""
    made = table("model", "condition", *(Column(name, "", right=True) for name in FIGURES.values()))
    for body in bodies:
        cells: list[Any] = [percent(body[key]["value"]) for key in FIGURES]
        made.add_row(Text(plain(body.get("model"))), Text(condition(body)), *cells)
    return made
