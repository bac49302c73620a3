"""Tables as CSV, Markdown and LaTeX: columns say what their values are, one renderer shows them."""

import csv
import io
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

Kind = Literal["text", "count", "share", "points", "number", "p", "money"]
"""What a value is: `share` is a fraction, `points` a difference of fractions, `p` a p-value."""

NOTHING = "-"
"""Shown where there is no value. CSV leaves the field empty."""


@dataclass(frozen=True)
class Column:
    """One column: its head, and how its values are shown to people."""

    head: str
    kind: Kind = "text"
    interval: bool = False
    """Whether its values are pairs: both ends of an interval."""
    verbatim: bool = False
    """Whether its values are what a provider said: not for those outside the team."""


@dataclass(frozen=True)
class Table:
    """Rows under columns; None is no value."""

    name: str
    """Tells it from others of the same analysis."""
    title: str
    columns: tuple[Column, ...]
    rows: Sequence[Sequence[Any]]


def to_csv(table: Table) -> str:
    """Return a table as CSV (RFC 4180): values as they are, an interval as two columns.

    Text that a spreadsheet would take for a formula is quoted with an apostrophe.
    """
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(
        head
        for column in table.columns
        for head in (
            (f"{column.head} low", f"{column.head} high") if column.interval else (column.head,)
        )
    )
    for row in table.rows:
        writer.writerow(
            field
            for column, value in zip(table.columns, row, strict=True)
            for field in _fields(column, value)
        )
    return out.getvalue()


def to_markdown(tables: Sequence[Table]) -> str:
    """Return tables as GitHub's Markdown, each under its title; padded, to be read as it is."""
    return "\n".join(_markdown(table) for table in tables)


def to_latex(tables: Sequence[Table]) -> str:
    r"""Return tables as LaTeX for the booktabs package; wide ones want `\resizebox`."""
    return "\n".join(_latex(table) for table in tables)


def _fields(column: Column, value: Any) -> tuple[Any, ...]:
    if column.interval:
        return ("", "") if value is None else tuple(value)
    if isinstance(value, str):
        return (harmless(value),)
    return ("" if value is None else value,)


def harmless(text: str) -> str:
    """Return a text for CSV; one that a spreadsheet would take for a formula gets an apostrophe."""
    return f"'{text}" if text[:1] in {"=", "+", "-", "@", "\t", "\r"} else text


def _markdown(table: Table) -> str:
    heads = [_markdown_text(column.head) for column in table.columns]
    cells = [[_markdown_text(cell) for cell in row] for row in _shown(table)]
    widths = [max(4, *map(len, column)) for column in zip(heads, *cells, strict=True)]
    left = [column.kind == "text" for column in table.columns]

    def line(row: Sequence[str]) -> str:
        padded = (
            text.ljust(width) if at_left else text.rjust(width)
            for text, width, at_left in zip(row, widths, left, strict=True)
        )
        return f"| {' | '.join(padded)} |"

    rule = [
        f":{'-' * (width - 1)}" if at_left else f"{'-' * (width - 1)}:"
        for width, at_left in zip(widths, left, strict=True)
    ]
    title = _markdown_text(table.title)
    return "\n".join((f"**{title}**", "", *map(line, (heads, rule, *cells)), ""))


def _latex(table: Table) -> str:
    align = "".join("l" if column.kind == "text" else "r" for column in table.columns)
    rows = [_latex_row(cells) for cells in _shown(table)]
    lines = (
        r"\begin{table}",
        r"\centering",
        rf"\caption{{{_latex_text(table.title)}}}",
        rf"\begin{{tabular}}{{{align}}}",
        r"\toprule",
        _latex_row([column.head for column in table.columns]),
        r"\midrule",
        *rows,
        r"\bottomrule",
        r"\end{tabular}",
        r"\end{table}",
        "",
    )
    return "\n".join(lines)


def _latex_row(cells: Sequence[str]) -> str:
    return " & ".join(_latex_text(cell) for cell in cells) + r" \\"


def _shown(table: Table) -> list[list[str]]:
    return [
        [shown(column, value) for column, value in zip(table.columns, row, strict=True)]
        for row in table.rows
    ]


def shown(column: Column, value: Any) -> str:
    """Return a value as people read it: fractions in percent, intervals as low to high."""
    if value is None:
        return NOTHING
    show = SHOWN[column.kind]
    if column.interval:
        low, high = value
        return f"{show(low)} to {show(high)}"
    return show(value)


def points(difference: float) -> str:
    """Return a difference of fractions in percentage points, with its sign; never -0.00."""
    return f"{round(100 * difference, 2) + 0.0:+.2f}"


def _p(value: float) -> str:
    return "< 0.001" if value < 0.001 else f"{value:.3f}"  # noqa: PLR2004 - as papers write it


SHOWN: dict[Kind, Callable[[Any], str]] = {
    "text": str,
    "count": lambda value: f"{value:,}",
    "share": lambda value: f"{100 * value:.2f}",
    "points": points,
    "number": lambda value: f"{value:.4g}",
    "p": _p,
    "money": lambda value: f"{value:.4f}",
}

MARKDOWN = re.compile(r"([\\`*\[\]<>|~]|(?<!\w)_|_(?!\w))")
"""What Markdown would obey; an underscore within a word is only itself."""
LATEX = {
    "\\": r"\textbackslash{}",
    "&": r"\&",
    "%": r"\%",
    "$": r"\$",
    "#": r"\#",
    "_": r"\_",
    "{": r"\{",
    "}": r"\}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
}
CONTROL = re.compile(r"[\x00-\x1f\x7f]+")


def _markdown_text(text: str) -> str:
    return MARKDOWN.sub(r"\\\1", CONTROL.sub(" ", text))


def _latex_text(text: str) -> str:
    return "".join(LATEX.get(character, character) for character in CONTROL.sub(" ", text))
