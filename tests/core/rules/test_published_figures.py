"""The rules of scoring, held against the figures that the benchmark's authors published."""

import csv
from collections import Counter
from pathlib import Path, PurePosixPath
from typing import Literal

import pytest

from core.rules.scoring import Cell, Metrics, score
from core.rules.specs import ScoringRules
from core.vocabulary import Outcome

SHARED = Path(__file__).parents[4] / "shared" / "data"
PREDICTIONS = SHARED / "gpt4v-emotion"
REFERENCES = SHARED / "paper" / "reference_results.csv"

pytestmark = pytest.mark.skipif(
    not PREDICTIONS.is_dir(),
    reason="the authors' released predictions are not part of this repository",
)

Policy = Literal["wrong", "dropped"]
PUBLISHED = {"accuracy": "accuracy", "war": "accuracy", "uar": "uar"}
"""The paper's words for our metrics."""

CASES: list[tuple[str, str, str, str, Policy]] = [
    ("ckplus", "", "label.csv", "label-gpt4v.csv", "wrong"),
    ("sfew2", "", "label.csv", "label-gpt4v.csv", "wrong"),
    ("rafdb", "", "label.csv", "label-gpt4v-rgb.csv", "wrong"),
    ("ferplus", "", "label.csv", "label-gpt4v.csv", "wrong"),
    ("twitter1", "five_agree", "label_five_agree.csv", "label-five-gpt4v.csv", "wrong"),
    ("twitter1", "four_agree", "label_at_least_four_agree.csv", "label-four-gpt4v.csv", "wrong"),
    ("twitter1", "three_agree", "label_at_least_three_agree.csv", "label-three-gpt4v.csv", "wrong"),
    ("twitter2", "", "label.csv", "label-gpt4v.csv", "wrong"),
    ("casme1", "", "label.csv", "label-gpt4v.csv", "wrong"),
    ("samm", "", "label.csv", "label-gpt4v.csv", "wrong"),
    ("dfew", "", "label.csv", "label-gpt4v.csv", "dropped"),
    ("enterface", "", "label.csv", "label-gpt4v-3.csv", "dropped"),
    ("mer2023", "", "label.csv", "label-gpt4v-multi.csv", "wrong"),
]


def column(path: Path, name: str) -> dict[str, str]:
    with path.open(encoding="utf-8-sig", newline="") as lines:
        return {PurePosixPath(row["name"]).stem: row[name] for row in csv.DictReader(lines)}


def metrics_of(dataset: str, targets: str, answers: str, policy: Policy) -> Metrics:
    folder = PREDICTIONS / dataset
    spoken = column(folder / answers, "gpt4v")
    truth = {name: gt.strip().casefold() for name, gt in column(folder / targets, "gt").items()}
    labels = sorted(set(truth.values()))
    cells: Counter[tuple[str, Outcome, str | None, bool | None, int | None]] = Counter()
    for name, target in truth.items():
        if name not in spoken:
            cells[target, Outcome.REFUSED, None, None, None] += 1
            continue
        ranked = [label.strip().casefold() for label in spoken[name].split(",")]
        known = ranked[0] in labels
        rank = ranked.index(target) + 1 if target in ranked else None
        cells[target, Outcome.ANSWERED, ranked[0] if known else None, known, rank] += 1
    return score(
        [Cell(*key, count=n) for key, n in cells.items()],
        labels=labels,
        rules=ScoringRules(out_of_vocabulary=policy),
    )


def published(dataset: str, variant: str) -> dict[str, float]:
    with REFERENCES.open(encoding="utf-8", newline="") as lines:
        return {
            PUBLISHED[row["metric"]]: float(row["value"])
            for row in csv.DictReader(lines)
            if (row["dataset"], row["variant"], row["system"]) == (dataset, variant, "GPT-4V")
        }


@pytest.mark.parametrize(
    ("dataset", "variant", "targets", "answers", "policy"),
    CASES,
    ids=[f"{c[0]}-{c[1]}".strip("-") for c in CASES],
)
def test_published_figures_are_reproduced_to_their_two_decimals(
    dataset: str, variant: str, targets: str, answers: str, policy: Policy
) -> None:
    metrics = metrics_of(dataset, targets, answers, policy)

    figures = {"accuracy": metrics.accuracy.value, "uar": metrics.uar.value}
    expected = published(dataset, variant)
    assert expected
    for name, percent in expected.items():
        value = figures[name]
        assert value is not None
        assert round(100 * value, 2) == percent


def test_one_stray_answer_in_three_thousand_does_not_move_uar() -> None:
    metrics = metrics_of("rafdb", "label.csv", "label-gpt4v-rgb.csv", "wrong")

    assert (metrics.samples, metrics.answered, metrics.refused) == (3068, 3067, 1)
    assert metrics.out_of_vocabulary == 1
    assert metrics.accuracy.value == pytest.approx(0.7581, abs=5e-5)
    assert metrics.accuracy.strict == pytest.approx(0.7578, abs=5e-5)
    assert metrics.uar.value == pytest.approx(0.690, abs=5e-4)
    recalls = [c.recall for c in metrics.per_class if c.recall is not None]
    assert sum(recalls) / (len(recalls) + 1) == pytest.approx(0.604, abs=5e-4)
