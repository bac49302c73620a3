"""How answers get onto a screen, into a pipe or into a program."""

import json
import re
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, islice
from typing import Any

from rich import box
from rich.console import Console
from rich.measure import Measurement
from rich.table import Table
from rich.text import Text

from gerbench.client import Json

ROWS = 50
"""Shown on a screen where no limit is given."""
PIPE_WIDTH = 10_000
"""Where no person looks, lines are as long as they are."""
LEAST = 10
"""Characters that a column keeps whose lines are broken."""
NOTHING = "-"
ODD = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]")
"""What a terminal would obey rather than show, and what no encoding takes."""


def screen(*, stderr: bool = False) -> Console:
    """Return a console that shows text as it is: brackets in a label are no markup."""
    tty = (sys.stderr if stderr else sys.stdout).isatty()
    width = None if tty else PIPE_WIDTH
    return Console(stderr=stderr, width=width, markup=False, highlight=False, emoji=False)


def plain(value: Any) -> str:
    """Return a value as text that is safe to show, whoever wrote it."""
    if value is None or value == "":
        return NOTHING
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, dict):
        return plain(" ".join(f"{key}={part}" for key, part in value.items()))
    if isinstance(value, list | tuple):
        return plain(", ".join(map(plain, value)))
    return ODD.sub("�", str(value))


def moment(text: str | None) -> str | None:
    """Return an RFC 3339 time to the second."""
    return re.sub(r"\.\d+", "", text).replace("+00:00", "Z") if text else None


def print_json(value: Any) -> None:
    """Print one JSON value; ASCII, as what it quotes may be no valid Unicode."""
    print(json.dumps(value, indent=2))


def print_json_array(items: Iterable[Any]) -> None:
    """Print items as one JSON array while they come; nothing if the first one cannot be had."""
    iterator = iter(items)
    first = list(islice(iterator, 1))
    print("[", end="")
    for place, item in enumerate(chain(first, iterator)):
        print("," * (place > 0), json.dumps(item), sep="\n", end="")
    print("\n]" if first else "]")


@dataclass(frozen=True)
class Column:
    """One column of a list: its head, and where its value is in an item."""

    head: str
    value: str | Callable[[Json], Any]
    """A dotted path such as `progress.answered`, or a function."""
    right: bool = False
    wrap: bool = False
    """Whether its lines may be broken where a screen is narrow; those of the others are not."""

    def text(self, item: Json) -> str:
        """Return the cell of an item."""
        value = at(item, self.value) if isinstance(self.value, str) else self.value(item)
        return plain(value)


FAULTS = (
    Column("file", "path", wrap=True),
    Column("what is wrong with it", "reason", wrap=True),
)
"""Columns of an import's report."""


def at(item: Mapping[str, Any], place: str) -> Any:
    """Return what is at a dotted path, None where it ends early."""
    found: Any = item
    for step in place.split("."):
        found = found.get(step) if isinstance(found, Mapping) else None
    return found


def when(place: str) -> Callable[[Json], str | None]:
    """Return a reader of a time, to the second."""
    return lambda item: moment(at(item, place))


def short(place: str) -> Callable[[Json], str | None]:
    """Return a reader of an id that cuts it to what tells it from others."""

    def read(item: Json) -> str | None:
        found = at(item, place)
        return None if found is None else str(found)[:8]

    return read


def table(*heads: str | Column) -> Table:
    """Return an empty table in the style of all of them."""
    made = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, collapse_padding=True)
    for head in heads:
        column = head if isinstance(head, Column) else Column(head, head)
        made.add_column(
            Text(column.head),
            justify="right" if column.right else "left",
            no_wrap=not column.wrap,
            min_width=LEAST if column.wrap else len(column.head),
        )
    return made


def rows(items: Iterable[Json], columns: Sequence[Column]) -> Table:
    """Return items as a table."""
    made = table(*columns)
    for item in items:
        made.add_row(*(Text(column.text(item)) for column in columns))
    return made


def print_whole(console: Console, table: Table) -> None:
    """Print a table; on a screen too narrow its lines run over, but no column is cut off."""
    options = console.options.update(max_width=PIPE_WIDTH)
    console.width = max(console.width, Measurement.get(console, options, table).minimum)
    console.print(table)


def print_items(
    items: Callable[[int | None], Iterable[Json]],
    columns: Sequence[Column],
    *,
    as_json: bool,
    limit: int | None,
    none: str,
) -> None:
    """Print a list; `items` gives at most as many as it is told, `none` is said of no items."""
    if as_json:
        print_json_array(items(limit))
        return
    most = limit or ROWS
    found = list(items(most + 1))
    console = screen()
    if found:
        print_whole(console, rows(found[:most], columns))
    else:
        console.print(none)
    if len(found) > most:
        screen(stderr=True).print("There are more: --limit N shows more, --json all")


def fields(item: Mapping[str, Any]) -> Table:
    """Return an object as lines of name and value; nested names are joined by a dot."""
    made = Table(box=None, show_header=False, pad_edge=False)
    for name, value in _flat(item):
        made.add_row(Text(name, style="bold"), Text(plain(value)))
    return made


def _flat(item: Mapping[str, Any], prefix: str = "") -> Iterable[tuple[str, Any]]:
    for name, value in item.items():
        if isinstance(value, Mapping) and value:
            yield from _flat(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", moment(value) if name.endswith("_at") else value


def print_one(item: Json, *, as_json: bool) -> None:
    """Print an object."""
    if as_json:
        print_json(item)
    else:
        screen().print(fields(item))


def print_once(made: Json, field: str, told: str, *, as_json: bool) -> None:
    """Print a secret that is shown this once, alone on stdout; what it is goes to stderr."""
    if as_json:
        print_json(made)
        return
    print(made[field])
    screen(stderr=True).print(told)
