"""How values read on a page: percent with two decimals, durations in words, signs for states."""

import json
import shlex
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any
from urllib.parse import quote, urlencode

from core.analyses.figures import told
from core.db import utc_now
from core.rules.tables import NOTHING, points

__all__ = ["FILTERS", "utc_now"]

MINUTE, HOUR, DAY = 60, 3600, 86_400
MILLI = 1000
STEPS = 20
"""Shades of a heat map beside the palest; the style sheet has a class for each."""

SIGNS = {
    "queued": "◌",
    "running": "▶",
    "paused": "❙❙",
    "completed": "✓",
    "failed": "✕",
    "cancelled": "⊘",
}
"""Beside the word, so that no state is told by its color alone."""


def percent(value: float | None) -> str:
    """Return a fraction in percent."""
    return NOTHING if value is None else f"{100 * value:.2f}"


def within(interval: Sequence[float] | None) -> str:
    """Return both ends of an interval of fractions, in percent."""
    return NOTHING if interval is None else f"{percent(interval[0])} – {percent(interval[1])}"


def half_width(interval: Sequence[float] | None) -> str:
    """Return half the width of an interval, as it stands behind a ±."""
    return NOTHING if interval is None else f"{50 * (interval[1] - interval[0]):.1f}"


def count(value: float | None) -> str:
    """Return a whole number with its thousands apart."""
    return NOTHING if value is None else f"{value:,.0f}"


def money(value: float | None) -> str:
    """Return dollars, with as many decimals as small sums need."""
    if value is None:
        return NOTHING
    return f"${value:,.2f}" if value >= 1 or value == 0 else f"${value:.4f}"


def duration(seconds: float | None) -> str:
    """Return a span of time in its two largest units."""
    if seconds is None:
        return NOTHING
    if seconds < 1:
        return f"{seconds * MILLI:.0f} ms"
    whole = round(seconds)
    if whole < MINUTE:
        return f"{whole} s"
    if whole < HOUR:
        return f"{whole // MINUTE} min {whole % MINUTE} s"
    if whole < DAY:
        return f"{whole // HOUR} h {whole % HOUR // MINUTE} min"
    return f"{whole // DAY} d {whole % DAY // HOUR} h"


def ago(then: datetime, now: datetime) -> str:
    """Return how long ago something was, in its largest unit."""
    seconds = (now - then).total_seconds()
    if seconds < MINUTE:
        return "just now"
    for size, unit in ((DAY, "d"), (HOUR, "h"), (MINUTE, "min")):
        if seconds >= size:
            return f"{int(seconds // size)} {unit} ago"
    return "just now"


def exact(then: datetime) -> str:
    """Return a moment, to the second, in UTC."""
    return f"{then:%Y-%m-%d %H:%M:%S} UTC"


def step(share: float | None) -> int:
    """Return the shade of a share in a heat map."""
    return 0 if share is None else round(STEPS * min(max(share, 0.0), 1.0))


def pretty(value: Any) -> str:
    """Return JSON to be read; what is no JSON stays as it is."""
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except ValueError:
            return str(value)
    return json.dumps(value, indent=2, ensure_ascii=False)


def condition(parts: Mapping[str, Any]) -> str:
    """Return a condition in words."""
    return told(parts)


def words(name: Any) -> str:
    """Return a name as it is read: `weighted_f1` is weighted F1."""
    spelled = {"uar": "UAR", "f1": "F1", "rpm": "RPM", "tpm": "TPM", "rpd": "RPD"}
    return " ".join(spelled.get(word, word) for word in str(name).split("_"))


def curl(path: str, origin: str, method: str = "GET") -> str:
    """Return the command that asks the API for the same."""
    verb = "" if method == "GET" else f" -X {method}"
    return f'curl{verb} -H "Authorization: Bearer $GERBENCH_KEY" "{origin}{path}"'


def query(parts: Mapping[str, Any], **changed: Any) -> str:
    """Return a query string; what is None or empty is left out."""
    given = {**parts, **changed}
    pairs = [
        (name, each)
        for name, value in given.items()
        for each in (value if isinstance(value, (list, tuple)) else (value,))
        if each not in (None, "")
    ]
    return f"?{urlencode(pairs)}" if pairs else ""


def segment(text: Any) -> str:
    """Return a text as one step of a path."""
    return quote(str(text), safe="@")


FILTERS: dict[str, Callable[..., Any]] = {
    "percent": percent,
    "within": within,
    "half_width": half_width,
    "count": count,
    "money": money,
    "points": lambda value: NOTHING if value is None else points(value),
    "duration": duration,
    "ago": ago,
    "exact": exact,
    "step": step,
    "pretty": pretty,
    "condition": condition,
    "curl": curl,
    "query": query,
    "segment": segment,
    "shell": shlex.quote,
    "sign": lambda status: SIGNS[str(status)],
    "words": words,
}
