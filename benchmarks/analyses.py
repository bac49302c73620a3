"""How long each analysis takes over a million predictions: `python -m benchmarks.analyses`.

Ten runs of 100,000 samples and seven labels, on SQLite in a temporary folder: five repeats, and
with them another template, gray, other frames, another modality, and another batch size. Prints
the seconds of the first call, and of a second one that finds the kept answer.
"""

import argparse
import json
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any
from uuid import uuid4

import numpy as np
from sqlalchemy import insert, select
from sqlalchemy.orm import Session

import core.tables  # noqa: F401 - fills Base.metadata
from core import closing
from core.analyses import varying
from core.analyses.cases import CaseFilter, cases
from core.analyses.classes import classes
from core.analyses.comparing import pairwise
from core.analyses.kept import Kept
from core.analyses.main_results import main_results
from core.analyses.position import position
from core.analyses.refusals import refusals
from core.analyses.selection import Selection
from core.analyses.stability import stability
from core.db import Base, Database, utc_now
from core.rules.profiles import Profile
from core.rules.specs import Condition, DatasetSpec, ModelSpec
from core.rules.states import RequestState, Status
from core.tables import Dataset, Job, Model, Prediction, Request, Run, Sample, Score, Template
from core.vocabulary import Cause, Modality, Outcome, Task

LABELS = ("anger", "disgust", "fear", "happiness", "neutral", "sadness", "surprise")
BATCH = 20
FRAMES = 3
OTHERS: tuple[dict[str, Any], ...] = (
    {"template": "brief@1"},
    {"color": "gray"},
    {"frames": 1},
    {"modality": "text", "frames": None},
    {"batch_size": 5},
)
CONDITION = Condition(modality=Modality.VIDEO, template="default@1", frames=FRAMES)
CHUNK = 20_000


def fill(session: Session, samples: int) -> None:
    """Store a dataset, a model, and ten runs with all of their predictions and scores."""
    now = utc_now()
    spec = DatasetSpec(
        name="faces", task=Task.DYNAMIC_FACIAL_EMOTION, modality=Modality.VIDEO, labels=LABELS
    )
    fer = ModelSpec.model_validate({"name": "fer", "base_url": "http://x.test", "model": "fer"})
    dataset = Dataset(
        name=spec.name,
        digest="0" * 64,
        task=spec.task,
        modality=spec.modality,
        spec=spec.model_dump(mode="json"),
        sample_count=samples,
        profile=Profile(samples, 0, ()).to_json(),
    )
    model = Model(name="fer", spec=fer.model_dump(mode="json"))
    template = Template(
        task=spec.task, modality=spec.modality, name="default", version=1, text="{labels}"
    )
    session.add_all([dataset, model, template])
    session.flush()
    job = Job(dataset_id=dataset.id, submission={"tags": {}}, quote={})
    session.add(job)
    session.flush()
    rng = np.random.default_rng(0)
    target = rng.integers(0, len(LABELS), samples)
    for start in range(0, samples, CHUNK):
        session.execute(
            insert(Sample),
            [
                {"dataset_id": dataset.id, "name": f"{n:07d}", "target": LABELS[code], "media": []}
                for n, code in enumerate(target[start : start + CHUNK].tolist(), start)
            ],
        )
    shared = np.where(rng.random(samples) < 0.6, target, rng.integers(0, len(LABELS), samples))
    for number, changes in enumerate([*[{}] * 5, *OTHERS]):
        answer = np.where(rng.random(samples) < 0.8, shared, rng.integers(0, len(LABELS), samples))
        changed = dict(changes)
        size = changed.pop("batch_size", BATCH)
        run = Run(
            id=uuid4(),
            job_id=job.id,
            dataset_id=dataset.id,
            model_id=model.id,
            template_id=template.id,
            condition={**CONDITION.model_dump(mode="json"), **changed},
            repeat=number + 1 if number < 5 else 1,
            position=number,
            seed=0,
            batch_size=size,
            status=Status.COMPLETED,
            finished_at=now,
            samples=samples,
        )
        session.add(run)
        session.flush()
        predict(session, run, target, answer, rng.random(samples) < 0.01)


def predict(session: Session, run: Run, target: Any, answer: Any, refused: Any) -> None:
    """Store the predictions of a run and its score."""
    request = Request(
        run_id=run.id,
        sample_ids=[],
        not_before=utc_now(),
        cause=Cause.PLANNED,
        state=RequestState.DONE,
        finished_at=utc_now(),
    )
    session.add(request)
    session.flush()
    run.refused = int(refused.sum())
    run.answered = run.samples - run.refused
    codes = zip(target.tolist(), answer.tolist(), refused.tolist(), strict=True)
    rows = [
        {
            "run_id": run.id,
            "sample_id": n + 1,
            "outcome": Outcome.REFUSED if no else Outcome.ANSWERED,
            "label": None if no else LABELS[given],
            "in_vocabulary": None if no else True,
            "ranked": None if no else [LABELS[given]],
            "rank": 1 if given == truth and not no else None,
            "slot": n % run.batch_size,
            "batch": run.batch_size,
            "request_id": request.id,
            "attempt_id": None,
        }
        for n, (truth, given, no) in enumerate(codes)
    ]
    for start in range(0, len(rows), CHUNK):
        session.execute(insert(Prediction), rows[start : start + CHUNK])
    figures = closing.metrics(session, run).model_dump(mode="json")
    session.add(Score(run_id=run.id, scored_at=utc_now(), metrics=figures))


def timed(database: Database, analysis: Callable[[Session], Any]) -> tuple[float, float]:
    """Return the seconds of an analysis, by the clock and of this process alone."""
    start, busy = time.perf_counter(), time.process_time()
    with database.read() as session:
        analysis(session)
    return round(time.perf_counter() - start, 3), round(time.process_time() - busy, 3)


def analyses(database: Database) -> dict[str, Callable[[Session], Any]]:
    """Return what is measured, by name."""
    all_runs = Selection()
    with database.read() as session:
        ids = session.scalars(select(Run.id).order_by(Run.position)).all()
    named = {
        "main": main_results,
        "temporal": varying.temporal,
        "fusion": varying.fusion,
        "templates": varying.templates,
        "color": varying.color,
        "stability": stability,
        "classes": classes,
        "refusals": refusals,
        "position": position,
    }
    kept = Kept()
    found: dict[str, Callable[[Session], Any]] = {
        name: partial(_call, kept, name, analysis, all_runs) for name, analysis in named.items()
    }
    two = Selection(runs=tuple(ids[:2]))
    found["pairwise (2 runs)"] = partial(_call, kept, "pairwise", pairwise, two)
    cell = CaseFilter(target="fear", label="surprise")
    found["cases (a page)"] = partial(_page, all_runs, cell)
    return found


def _call(
    kept: Kept,
    name: str,
    analysis: Callable[[Session, Selection], Any],
    of: Selection,
    session: Session,
) -> Any:
    return kept.answer(session, of, analysis, name)


def _page(of: Selection, wanted: CaseFilter, session: Session) -> Any:
    return cases(session, of, wanted, after=None, limit=50)


def main() -> None:
    """Fill a database, time each analysis twice, print the seconds."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--samples", type=int, default=100_000, help="of each of ten runs")
    parser.add_argument("--database", type=Path, help="an SQLite file to make, or to use again")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        path = options.database or Path(folder) / "analyses.db"
        there = path.exists()
        database = Database.at(f"sqlite:///{path}")
        Base.metadata.create_all(database.engine)
        if not there:
            with database.write.begin() as session:
                fill(session, options.samples)
        figures = {
            name: [timed(database, analysis) for _ in range(2)]
            for name, analysis in analyses(database).items()
        }
        database.close()
    for name, (first, second) in figures.items():
        print(f"{name:20} {first[0]:7.3f} s (cpu {first[1]:.3f}), again {second[0]:.3f} s")
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
