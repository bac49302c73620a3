"""Published results beside our own: what other systems score on the same dataset."""

from collections.abc import Mapping, Sequence

from core import builtin
from core.bodies.metrics import ReferenceFigure
from core.rules.metrics import MetricName
from core.rules.specs import DatasetSpec


def beside(
    spec: DatasetSpec, figures: Mapping[MetricName, float | None]
) -> tuple[ReferenceFigure, ...]:
    """Return the references of a dataset, each with its distance to our figure of its metric.

    A dataset that only shares its name with one of the benchmark, and has another task or other
    labels, has none.
    """
    known = builtin.benchmarks().get(spec.name)
    if known is None or not builtin.same_question(known, spec.task, spec.labels):
        return ()
    return tuple(
        ReferenceFigure(
            system=each.system,
            kind=each.kind,
            metric=each.metric,
            value=each.value,
            delta=None if (own := figures[each.metric]) is None else own - each.value,
        )
        for each in builtin.references()
        if (each.dataset, each.variant) == (spec.name, spec.variant)
    )


def best_supervised(found: Sequence[ReferenceFigure], metric: MetricName) -> ReferenceFigure | None:
    """Return the supervised system with the highest value of a metric; the first of equal ones."""
    supervised = [each for each in found if (each.kind, each.metric) == ("supervised", metric)]
    return max(supervised, key=lambda each: each.value, default=None)
