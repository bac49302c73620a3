"""A preview is what the worker sends."""

from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from core import datasets, jobs, previews, templates
from core.db import utc_now
from core.imports.layouts import DatasetDraft
from core.rules.submissions import PreviewSpec, Submission
from core.tables import Attempt, Run
from core.vocabulary import Task
from gerbench.clips import draw_clips
from gerbench.endpoint.launch import LocalEndpoint
from gerbench.faces import draw_faces
from gerbench.speech import write_utterances
from tests import rows
from tests.worker.conftest import work
from tests.worker.test_dispatch import Serve
from worker.engine import Engine
from worker.planner import plan


@pytest.fixture(scope="module")
def talks(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("talks")
    draw_clips(folder, per_class=1)
    write_utterances(folder, per_class=1)
    return folder


@pytest.fixture(scope="module")
def faces(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("faces")
    draw_faces(folder, per_class=1)
    return folder


def add(engine: Engine, endpoint: LocalEndpoint, name: str, task: Task, folder: Path) -> None:
    with engine.database.write.begin() as session:
        templates.install_builtin(session, now=utc_now())
        rows.model(session, base_url=endpoint.base_url, limits={"rpm": 100_000})
        draft = DatasetDraft(name=name, task=task)
        datasets.import_dataset(session, engine.store, draft, folder, utc_now())


def first_sent(engine: Engine, submission: dict[str, Any]) -> Attempt:
    """Run a job of one run to its end; return the attempt of its first request."""
    with engine.database.write.begin() as session:
        body = Submission.model_validate(submission)
        job = jobs.submit(session, body, idempotency_key=None, now=utc_now())
        run_id = session.scalars(select(Run.id).where(Run.job_id == job.id)).one()
    list(plan(engine, run_id))
    assert work(engine, run_id).status == "completed"
    with engine.database.read() as session:
        return session.scalars(select(Attempt).order_by(Attempt.request_id)).all()[0]


def preview(engine: Engine, **spec: Any) -> previews.Preview:
    with engine.database.read() as session:
        asked = previews.gather(session, PreviewSpec.model_validate(spec))
    return previews.render(engine.store, asked)


@pytest.mark.parametrize(
    ("condition", "batch_size"),
    [
        ({"modality": "text", "template": "terse"}, 4),
        ({"modality": "video", "template": "observer@1", "frames": 1, "color": "gray"}, None),
        ({"modality": "video+text", "template": "stepwise", "frames": 3}, None),
        ({"template": "question", "frames": 2, "detail": "high", "longest_side": 80}, 2),
    ],
)
def test_a_preview_of_talks_is_what_is_sent(
    engine: Engine, serve: Serve, talks: Path, condition: dict[str, Any], batch_size: int | None
) -> None:
    add(engine, serve(), "talks", Task.MULTIMODAL_EMOTION, talks)
    own = {"dataset": "talks", "seed": 5}

    shown = preview(engine, **own, **condition, model="local", count=batch_size)

    attempt = first_sent(
        engine,
        {
            **own,
            "models": ["local"],
            "conditions": {name: [value] for name, value in condition.items()},
            "batch_size": batch_size,
        },
    )
    assert shown.body.sent == attempt.sent
    assert shown.body.sha256 == attempt.sent_sha256


def test_a_preview_of_faces_is_what_is_sent_and_without_a_model_its_messages(
    engine: Engine, serve: Serve, faces: Path
) -> None:
    add(engine, serve(), "faces", Task.FACIAL_EMOTION, faces)

    whole = preview(engine, dataset="faces", model="local")
    messages = preview(engine, dataset="faces")

    attempt = first_sent(engine, {"dataset": "faces", "models": ["local"]})
    assert whole.body.sent == attempt.sent
    assert messages.body.sent == {"messages": attempt.sent["messages"]}
    assert (whole.tokens is None, messages.tokens) == (False, None)


def test_a_preview_sends_and_stores_nothing(engine: Engine, serve: Serve, faces: Path) -> None:
    endpoint = serve()
    add(engine, endpoint, "faces", Task.FACIAL_EMOTION, faces)

    preview(engine, dataset="faces", model="local", count=1)

    assert endpoint.log == []
    with engine.database.read() as session:
        assert session.scalars(select(Attempt)).all() == []
