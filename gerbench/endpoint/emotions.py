"""What the network's seven outputs say about any other set of labels.

A label is scored by the weighted sum of the outputs it stands for. The weights are
written down here once, by hand; nothing is fitted to any dataset.
"""

import re
from collections.abc import Mapping, Sequence
from functools import lru_cache

OUTPUTS = ("angry", "disgust", "fear", "happy", "sad", "surprise", "neutral")
"""The order of the network's outputs."""

Feelings = tuple[float, ...]
"""A share for each of `OUTPUTS`."""

NEUTRAL: Feelings = (0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 1.0)

NEGATIVE = {"angry": 1.0, "disgust": 1.0, "fear": 1.0, "sad": 1.0}
POSITIVE = {"happy": 1.0, "surprise": 0.25}

MEANINGS: Mapping[str, Mapping[str, float]] = {
    # The outputs themselves and other words for them.
    "anger angry annoyed annoyance rage furious mad": {"angry": 1.0},
    "disgust disgusted disgusting": {"disgust": 1.0},
    "fear fearful afraid scared terror terrified frightened": {"fear": 1.0},
    "happiness happy joy joyful smile smiling enjoyment": {"happy": 1.0},
    "sadness sad sorrow grief unhappy depressed": {"sad": 1.0},
    "surprise surprised surprising astonished astonishment": {"surprise": 1.0},
    "neutral calm none normal": {"neutral": 1.0},
    # Words between outputs: shares below one, so that a pure output wins over them.
    "contempt contemptuous": {"disgust": 0.25, "angry": 0.25},
    "amusement amused": {"happy": 0.8, "surprise": 0.1},
    "awe": {"surprise": 0.6, "happy": 0.1},
    "content contentment contented satisfied relaxed serenity": {"happy": 0.5, "neutral": 0.4},
    "excitement excited": {"happy": 0.6, "surprise": 0.5},
    "love trust gratitude pride proud": {"happy": 0.6},
    "anticipation interest interested": {"surprise": 0.3, "neutral": 0.2},
    "worry worried anxious anxiety nervous": {"fear": 0.6, "sad": 0.4},
    "tense tension": {"fear": 0.4, "angry": 0.3, "neutral": 0.1},
    "repression repressed": {"neutral": 0.4, "sad": 0.3},
    "helpless helplessness disappointed disappointment boredom bored": {"sad": 0.5, "neutral": 0.1},
    "pain hurt": {"sad": 0.4, "disgust": 0.3},
    "confusion confused": {"surprise": 0.3, "neutral": 0.2},
    "other others": {"neutral": 0.2},
    # Polarity, in three, five or seven levels.
    "positive": POSITIVE,
    "negative": NEGATIVE,
}
GRADES: Mapping[str, Mapping[str, float]] = {
    "strongly strong very highly": {},
    "weakly weak slightly somewhat mildly": {"neutral": 0.5},
}
"""What is added to half a polarity. Strong ones count in full: only a clear case wins."""

MEANING_OF = {word: weights for words, weights in MEANINGS.items() for word in words.split()}
GRADE_OF = {word: extra for words, extra in GRADES.items() for word in words.split()}

WORD = re.compile(r"[^\W\d_]+")


@lru_cache(4096)
def weights_of(label: str) -> Mapping[str, float]:
    """Return the weight of each output in a label; empty when no word of it is known."""
    words = WORD.findall(label.casefold())
    known = next((word for word in words if word in MEANING_OF), None)
    if known is None:
        return {}
    weights = MEANING_OF[known]
    grade: Mapping[str, float] = next((GRADE_OF[w] for w in words if w in GRADE_OF), {})
    if not grade:
        return weights
    return {name: 0.5 * weight for name, weight in weights.items()} | dict(grade)


def order(feelings: Feelings, labels: Sequence[str]) -> list[str]:
    """Return all labels, best first; those nobody maps come last, ties in the order offered."""
    share = dict(zip(OUTPUTS, feelings, strict=True))

    def score(label: str) -> float:
        weights = weights_of(label)
        return sum(weights[name] * share[name] for name in OUTPUTS if name in weights)

    # sorted() is stable, which is what keeps ties in the order offered.
    return sorted(labels, key=lambda label: (not weights_of(label), -score(label)))


def mean(parts: Sequence[Feelings]) -> Feelings:
    """Return the average, summed in order, so that it is the same on every run."""
    return tuple(sum(values) / len(parts) for values in zip(*parts, strict=True))
