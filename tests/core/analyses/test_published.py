"""Every analysis over the runs that the benchmark's authors released: nothing is missing."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy.orm import Session

from core import closing, published
from core.analyses import varying
from core.analyses.cases import CaseFilter, cases
from core.analyses.comparing import Comparison, pairwise
from core.analyses.selection import Selection, by_dataset, chosen
from core.analyses.series import Varying
from core.db import Database
from tests import rows

RELEASED = Path(__file__).parents[4] / "shared" / "data" / "gpt4v-emotion"

pytestmark = pytest.mark.skipif(
    not RELEASED.is_dir(),
    reason="the authors' released predictions are not part of this repository",
)


@pytest.fixture(scope="module")
def imported(sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    """A database with all of them; the tests only read it."""
    path = tmp_path_factory.mktemp("released") / "gerbench.db"
    shutil.copy(sqlite_template, path)
    database = Database.at(f"sqlite:///{path}")
    with database.write.begin() as session:
        published.import_all(session, RELEASED, system="gpt-4v", now=rows.NOW)
    yield database
    database.close()


@pytest.fixture
def session(imported: Database) -> Iterator[Session]:
    with imported.read() as session:
        yield session


def gaps(found: Comparison) -> list[str]:
    """What a comparison says nothing of."""
    values = {**found.model_dump(exclude={"metrics"}), "samples": found.samples or None}
    for name, of in found.metrics.items():
        values |= {f"{name} {field}": value for field, value in of.model_dump().items()}
    return [name for name, value in values.items() if value is None]


def shown(found: Varying) -> dict[str, list[str]]:
    """The points of each series, once all of them are seen to be whole."""
    for series in found.series:
        whole = (series.flip_rate, series.flip_ci95, series.alpha, *series.spread.values())
        assert None not in whole
        assert [gaps(one) for point in series.points for one in point.compared] == [[]] * (
            len(series.points) - 1
        )
        assert series.flipped >= len(series.flips) > 0
    return {
        series.dataset.partition("@")[0]: [point.value for point in series.points]
        for series in found.series
    }


def test_modalities_are_compared_on_every_dataset_that_has_them(session: Session) -> None:
    fused = ["text", "video 3 frames", "video+text 3 frames"]

    assert shown(varying.fusion(session, Selection())) == {"cmumosi": fused, "mer2023": fused}


def test_pairs_of_runs_have_every_figure_and_those_of_their_runs(session: Session) -> None:
    for group in by_dataset(chosen(session, Selection())):
        if len(group) == 1:
            continue
        for pair in pairwise(session, Selection(runs=tuple(d.run.id for d in group))).pairs:
            assert gaps(pair.compared) == []


def test_right_and_wrong_cases_are_those_that_the_accuracy_counts(session: Session) -> None:
    for detail in chosen(session, Selection()):
        metrics = closing.stored(session, detail.run)
        run = Selection(runs=(detail.run.id,))

        right, wrong = (
            len(cases(session, run, CaseFilter(right=each), after=None, limit=100_000).rows)
            for each in (True, False)
        )

        assert right + wrong == metrics.scored > 0
        assert right / metrics.scored == metrics.accuracy.value
