"""How long each analysis takes over a million predictions: `python -m benchmarks.analyses`.

Ten runs of 100,000 samples and seven labels, on SQLite in a temporary folder: five repeats, and
with them another template, gray, other frames, another modality, and another batch size. Prints
the seconds of the first request over REST, and the least of five more, which find the kept answer.
Cases are not kept: they are a page of rows.
"""

import argparse
import json
import tempfile
import time
from pathlib import Path
from typing import Any
from uuid import uuid4

import numpy as np
from fastapi.testclient import TestClient
from sqlalchemy import delete, func, insert, select
from sqlalchemy.orm import Session

from api.main import create_app
from core import closing, teams
from core.db import Base, Database, utc_now
from core.keys import ADMIN_FILE
from core.rules.profiles import Profile
from core.rules.specs import Condition, DatasetSpec, ModelSpec
from core.rules.states import RequestState, Status
from core.settings import Settings
from core.tables import (
    Dataset,
    Job,
    KeptAnswer,
    Model,
    Prediction,
    Request,
    Run,
    Sample,
    Template,
)
from core.tables.teams import DEFAULT_ID
from core.vocabulary import Cause, Modality, Outcome, Task

NAMES = (
    "main",
    "temporal",
    "fusion",
    "templates",
    "color",
    "stability",
    "classes",
    "refusals",
    "position",
)
AGAIN = 5
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
    teams.ensure_default(session)
    spec = DatasetSpec(
        name="faces", task=Task.DYNAMIC_FACIAL_EMOTION, modality=Modality.VIDEO, labels=LABELS
    )
    fer = ModelSpec.model_validate({"name": "fer", "base_url": "http://x.test", "model": "fer"})
    dataset = Dataset(
        team_id=DEFAULT_ID,
        name=spec.name,
        digest="0" * 64,
        task=spec.task,
        modality=spec.modality,
        spec=spec.model_dump(mode="json"),
        sample_count=samples,
        profile=Profile(samples, 0, ()).to_json(),
    )
    model = Model(team_id=DEFAULT_ID, name="fer", spec=fer.model_dump(mode="json"))
    template = Template(
        team_id=DEFAULT_ID,
        task=spec.task,
        modality=spec.modality,
        name="default",
        version=1,
        text="{labels}",
    )
    session.add_all([dataset, model, template])
    session.flush()
    job = Job(team_id=DEFAULT_ID, dataset_id=dataset.id, submission={"tags": {}}, quote={})
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
            team_id=DEFAULT_ID,
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
    closing.store(session, run, now=utc_now())


def timed(client: TestClient, place: str, **params: Any) -> tuple[float, float]:
    """Return the seconds of a request, by the clock and of this process alone."""
    start, busy = time.perf_counter(), time.process_time()
    answer = client.get(f"/v1/analyses/{place}", params=params)
    answer.raise_for_status()
    return time.perf_counter() - start, time.process_time() - busy


def measure(client: TestClient, run_ids: list[str]) -> dict[str, Any]:
    """Return of each analysis the seconds of the first request, and the least of some others."""
    asked: dict[str, tuple[str, dict[str, Any]]] = {name: (name, {}) for name in NAMES}
    asked["pairwise (2 runs)"] = ("pairwise", {"run": run_ids[:2]})
    asked["cases (a page)"] = ("cases", {"target": "fear", "label": "surprise"})
    timed(client, "main", task=Task.MICRO_EXPRESSION)  # what only a process's first request takes
    found = {}
    for name, (place, params) in asked.items():
        first = timed(client, place, **params)
        again = [timed(client, place, **params) for _ in range(AGAIN)]
        found[name] = (first, tuple(min(each) for each in zip(*again, strict=True)))
    return found


def serve(settings: Settings) -> dict[str, Any]:
    """Ask a service in this process for every analysis, kept answers removed first."""
    database = Database.at(settings.database)
    with database.write.begin() as session:
        session.execute(delete(KeptAnswer))
        run_ids = [str(run_id) for run_id in session.scalars(select(Run.id).order_by(Run.position))]
    database.close()
    with TestClient(create_app(settings)) as client:
        secret = (settings.data / ADMIN_FILE).read_text().strip()
        client.headers["Authorization"] = f"Bearer {secret}"
        return measure(client, run_ids)


def main() -> None:
    """Fill a database, ask for each analysis over REST, print the seconds."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--samples", type=int, default=100_000, help="of each of ten runs")
    parser.add_argument("--data", type=Path, help="a folder to make, or to use again")
    parser.add_argument("--database", help="the URL of an empty PostgreSQL database instead")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        data = options.data or Path(folder)
        data.mkdir(parents=True, exist_ok=True)
        settings = Settings(data=data, database_url=options.database, media_url=None)
        database = Database.at(settings.database)
        Base.metadata.create_all(database.engine)
        with database.write.begin() as session:
            if session.scalar(select(func.count()).select_from(Run)) == 0:
                fill(session, options.samples)
        database.close()
        figures = serve(settings)
    for name, (first, again) in figures.items():
        print(f"{name:20} {first[0]:7.3f} s (cpu {first[1]:.3f}), ", end="")
        print(f"kept {again[0]:.4f} s (cpu {again[1]:.4f})")
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
