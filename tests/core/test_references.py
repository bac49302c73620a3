from typing import Any

import pytest

from core import builtin
from core.bodies.metrics import ReferenceFigure
from core.references import beside, best_supervised
from core.rules.metrics import METRICS, MetricName
from core.rules.specs import DatasetSpec
from core.vocabulary import Task

OURS: dict[MetricName, float | None] = {**dict.fromkeys(METRICS, 0.5), "uar": None}


def spec(name: str, variant: str | None = None, **changes: Any) -> DatasetSpec:
    known = builtin.benchmarks()[name].spec(variant)
    return known.model_copy(update=changes)


def test_each_reference_tells_how_far_our_figure_of_its_metric_is_from_it() -> None:
    found = {(r.system, r.metric): r for r in beside(spec("dfew"), OURS)}

    war, uar = found["GPT-4V", "accuracy"], found["GPT-4V", "uar"]
    assert (war.kind, war.value) == ("published", 0.4380)
    assert war.delta == pytest.approx(0.0620)
    assert (uar.value, uar.delta) == (0.3696, None)


def test_references_are_those_of_the_variant() -> None:
    def best(variant: str) -> ReferenceFigure | None:
        return best_supervised(beside(spec("twitter1", variant), OURS), "accuracy")

    five, three = best("five_agree"), best("three_agree")
    assert five is not None
    assert three is not None
    assert five.value > three.value


def test_the_best_is_supervised_and_of_the_metric() -> None:
    rafdb = beside(spec("rafdb"), OURS)

    best = best_supervised(rafdb, "accuracy")

    assert best is not None
    assert (best.system, best.value) == ("IPD-FER", 0.8889)
    assert best_supervised(rafdb, "macro_f1") is None


def test_equal_systems_leave_the_first_the_best() -> None:
    one, other = (
        ReferenceFigure(system=name, kind="supervised", metric="uar", value=0.7, delta=None)
        for name in ("one", "other")
    )

    assert best_supervised((one, other), "uar") == one


@pytest.mark.parametrize(
    "changes",
    [
        {"name": "faces"},
        {"task": Task.DYNAMIC_FACIAL_EMOTION},
        {"labels": ("happy", "sad")},
        {"variant": "mine"},
    ],
)
def test_what_only_looks_like_a_dataset_of_the_benchmark_has_no_references(
    changes: dict[str, Any],
) -> None:
    assert beside(spec("rafdb").model_copy(update=changes), OURS) == ()


def test_labels_in_another_case_and_order_are_the_same_question() -> None:
    changed = tuple(label.upper() for label in reversed(spec("rafdb").labels))

    assert beside(spec("rafdb", labels=changed), OURS) == beside(spec("rafdb"), OURS)
