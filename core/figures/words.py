"""What rows and panels are called: what differs among them, and what they share, said once."""

from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import Any, Protocol

from core.analyses.figures import Place, told

NAMES: Mapping[str, str] = {
    "accuracy": "accuracy",
    "uar": "UAR",
    "weighted_f1": "weighted F1",
    "macro_f1": "macro F1",
}
"""Of the metrics."""


class Versioned(Protocol):
    """What is about one version of a dataset."""

    @property
    def dataset(self) -> str | None:
        """Return name@version."""

    @property
    def variant(self) -> str | None:
        """Return what the dataset calls that version."""


def versions(shown: Iterable[Versioned]) -> dict[str, str]:
    """Return a short name for each dataset: its own, and its variant where there are several.

    Versions that are no variants are told apart by the beginning of their digests.
    """
    variants = {one.dataset: one.variant for one in shown if one.dataset}
    names = [dataset.partition("@")[0] for dataset in variants]
    short = {}
    for (dataset, variant), name in zip(variants.items(), names, strict=True):
        apart = f" {variant.replace('_', ' ')}" if variant else f"@{dataset.partition('@')[2][:6]}"
        short[dataset] = name if names.count(name) == 1 else f"{name}{apart}"
    if len(set(short.values())) == len(short):
        return short
    return {
        dataset: f"{dataset.partition('@')[0]}@{dataset.partition('@')[2][:6]}" for dataset in short
    }


def grouped(places: Sequence[Place]) -> dict[str, list[int]]:
    """Return the numbers of the places of each dataset, in their order."""
    names = versions(places)
    groups: dict[str, list[int]] = {}
    for number, place in enumerate(places):
        groups.setdefault(names[place.dataset], []).append(number)
    return groups


def labels(places: Sequence[Place], *, models: bool) -> list[str]:
    """Return what tells places of one dataset apart, and the model if it is wanted.

    The batch size, which often follows from the rest, is named only where nothing else differs.
    """
    parts = [_parts(place) for place in places]
    same = _same(parts) - ({"model"} if models else set())
    brief = [_said(part, same | {"batch_size"}) for part in parts]
    return [
        _said(part, same) if brief.count(label) > 1 else label
        for part, label in zip(parts, brief, strict=True)
    ]


def shared(places: Sequence[Place]) -> str:
    """Return what all places have in common."""
    parts = [_parts(place) for place in places]
    same = _same(parts)
    return _said(parts[0], parts[0].keys() - same | {"batch_size"}) if parts else ""


def unlike(texts: Sequence[str]) -> tuple[dict[str, str], str]:
    """Return texts without the words that all of them have, and those words."""
    words = [text.split() for text in texts]
    same = set(words[0]).intersection(*words) if words else set()
    short = {
        text: " ".join(word for word in split if word not in same)
        for text, split in zip(texts, words, strict=True)
    }
    return short, " ".join(word for word in (words or [[]])[0] if word in same)


def several_models(places: Sequence[Place]) -> bool:
    """Return whether the places are of more than one model."""
    return len({place.model for place in places}) > 1


def hues(places: Sequence[Place]) -> list[int]:
    """Return a number for the model of each place, the same wherever it stands."""
    models = sorted({place.model for place in places})
    return [models.index(place.model) for place in places]


def percent(share: float | None) -> str:
    """Return a fraction in percent; nothing where there is none."""
    return "" if share is None else f"{100 * share:.2f}"


def points(difference: float | None) -> str:
    """Return a difference of fractions in percentage points, with its sign."""
    if difference is None:
        return ""
    text = f"{100 * difference:+.2f}"
    return "0.00" if float(text) == 0 else text.replace("-", "\N{MINUS SIGN}")


def counted(counts: Sequence[int]) -> str:
    """Return the range that counts are in."""
    if not counts:
        return "0"
    low, high = min(counts), max(counts)
    return f"{low:,}" if low == high else f"{low:,} to {high:,}"


def p_value(p: float) -> str:
    """Return a p-value as papers write it."""
    return "< 0.001" if p < 0.001 else f"{p:.3f}"  # noqa: PLR2004


def _parts(place: Place) -> dict[str, Any]:
    return {"model": place.model, **place.condition, "batch_size": place.batch_size}


def _same(parts: Sequence[Mapping[str, Any]]) -> set[str]:
    names = {name for part in parts for name in part}
    return {name for name in names if len({str(part.get(name)) for part in parts}) == 1}


def _said(parts: Mapping[str, Any], without: AbstractSet[str]) -> str:
    kept = {name: value for name, value in parts.items() if name not in without}
    detail, batch = kept.pop("detail", None), kept.get("batch_size")
    words = (
        kept.get("model"),
        told(kept),
        detail and f"{detail} detail",
        batch and f"batches of {batch}",
    )
    return " ".join(word for word in words if word)
