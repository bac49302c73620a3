"""Baselines against enumeration and known values."""

from itertools import product

import numpy as np
import pytest

from core.rules import baselines
from core.rules.metrics import METRICS, MetricName, margins

NAMES: list[MetricName] = ["accuracy", "uar", "weighted_f1", "macro_f1"]


def test_always_the_most_frequent_class() -> None:
    support = np.array([6.0, 3.0, 1.0, 0.0])

    assert baselines.majority(support, "accuracy") == pytest.approx(0.6)
    assert baselines.majority(support, "uar") == pytest.approx(1 / 3)
    assert baselines.majority(support, "macro_f1") == pytest.approx(0.75 / 3)
    assert baselines.majority(support, "weighted_f1") == pytest.approx(0.6 * 0.75)


@pytest.mark.parametrize("metric", NAMES)
def test_uniform_guessing_is_the_mean_over_every_possible_guess(metric: MetricName) -> None:
    targets, classes = [0, 0, 0, 1, 1], 3
    figures = []
    for guesses in product(range(classes), repeat=len(targets)):
        counts = np.zeros((classes, classes), dtype=np.int64)
        np.add.at(counts, (targets, guesses), 1)
        figures.append(float(METRICS[metric](margins(counts))))

    expected = baselines.random(np.array([3.0, 2.0, 0.0]), metric)

    assert expected == pytest.approx(np.mean(figures))


@pytest.mark.parametrize("metric", NAMES)
def test_no_samples_have_no_baseline(metric: MetricName) -> None:
    assert baselines.majority(np.zeros(3), metric) is None
    assert baselines.random(np.zeros(3), metric) is None


def test_a_million_samples_of_balanced_classes_guess_close_to_the_share() -> None:
    assert baselines.random(np.full(10, 1e5), "macro_f1") == pytest.approx(0.1, abs=1e-4)
