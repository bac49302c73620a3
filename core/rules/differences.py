"""What one scoring of a run says otherwise than another."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

LEFT_OUT = frozenset({"confusion"})
"""What is told sample by sample instead."""

Number = int | float


@dataclass(frozen=True)
class Difference:
    """One figure, and what it was before. None: there is no such figure."""

    figure: str
    """Where it is in the metrics, such as `accuracy.value` or `per_class.anger.recall`."""
    before: Number | None
    after: Number | None

    @property
    def delta(self) -> Number | None:
        """Return how much it rose; None where there is nothing to subtract."""
        if self.before is None or self.after is None:
            return None
        return self.after - self.before


def differences(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[Difference]:
    """Return the figures that two bodies of metrics do not share, in their order."""
    old, new = dict(_figures(before)), dict(_figures(after))
    return [
        Difference(figure, old.get(figure), new.get(figure))
        for figure in dict.fromkeys([*new, *old])
        if old.get(figure) != new.get(figure)
    ]


def _figures(value: Any, place: str = "") -> Iterator[tuple[str, Number]]:
    """Yield every number in a body, with its place."""
    if isinstance(value, Mapping):
        for name, held in value.items():
            if name not in LEFT_OUT:
                yield from _figures(held, f"{place}.{name}" if place else name)
    elif isinstance(value, list):
        for number, held in enumerate(value):
            label = held.get("label") if isinstance(held, Mapping) else None
            yield from _figures(held, f"{place}.{label or number}")
    elif isinstance(value, int | float) and not isinstance(value, bool):
        yield place, value
