"""Text that others wrote, on every page that shows it: labels, names, tags, answers, reasons."""

from typing import Any

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import select, update

from core import dashboards
from core.db import Database
from core.rules.dashboards import DashboardSpec
from core.tables import Request, Run, Sample
from tests import rows

SCRIPT = "<script>alert(1)</script>"
BREAKS_OUT = '"><img src=x onerror=alert(1)>'
LABELS = (SCRIPT, BREAKS_OUT, "sadness")


@pytest.fixture
def hostile(client: TestClient, database: Database) -> dict[str, Any]:
    """A run in which everything that can hold text holds markup."""
    with database.write.begin() as session:
        dataset = rows.dataset(session, 6, LABELS, labels=LABELS, variant=SCRIPT, citation=SCRIPT)
        job = rows.job(session, dataset, rows.model(session), rows.template(session))
        job.submission = {**job.submission, "tags": {SCRIPT: BREAKS_OUT}}
        run = rows.finished(session, job, [BREAKS_OUT, SCRIPT, SCRIPT, None, BREAKS_OUT, SCRIPT])
        other = rows.finished(session, job, [SCRIPT] * 6, repeat=2)
        session.execute(update(Run).values(reason=SCRIPT))
        session.add(Request(run_id=run.id, sample_ids=[], not_before=rows.NOW, reason=BREAKS_OUT))
        session.flush()
        rows.past_attempts(session, run, 1, rows.NOW)
        sample = session.scalars(select(Sample.id)).first()
        spec = {"name": BREAKS_OUT.replace("/", ""), "panels": [{"analysis": "classes"}]}
        view = dashboards.create(session, DashboardSpec.model_validate(spec), now=rows.NOW)
        return {
            "job": job.id,
            "run": run.id,
            "other": other.id,
            "sample": sample,
            "dataset": dataset.name,
            "view": view.id,
        }


@pytest.mark.parametrize(
    "path",
    [
        "/jobs",
        f"/jobs?dataset={BREAKS_OUT}&model={SCRIPT}",
        f"/jobs/new?dataset={BREAKS_OUT}&models={SCRIPT}&tags={BREAKS_OUT}",
        "/jobs/{job}",
        "/runs/{run}",
        "/runs/{run}?show=rows",
        "/runs/{run}/attempts",
        "/cases?run={run}",
        "/cases?run={run}&chosen={sample}",
        f"/cases?run={{run}}&target={BREAKS_OUT}&label={SCRIPT}",
        "/benchmark",
        f"/benchmark?dataset={BREAKS_OUT}",
        "/analyses/classes?run={run}",
        f"/analyses/classes?run={{run}}&sort={BREAKS_OUT}",
        f"/analyses/{BREAKS_OUT}",
        "/compare",
        f"/compare?dataset={BREAKS_OUT}&model={SCRIPT}&run={{run}}&run={{other}}",
        "/cases?run={run}&against={other}",
        "/dashboards",
        "/dashboards/{view}",
        f"/dashboards/{BREAKS_OUT}",
        "/datasets",
        "/datasets/{dataset}",
        f"/datasets/{SCRIPT}",
        "/models",
        f"/sign-in?next={BREAKS_OUT}",
    ],
)
def test_markup_in_text_is_text(client: TestClient, hostile: dict[str, Any], path: str) -> None:
    answer = client.get(path.format(**hostile))

    assert answer.status_code in {200, 404, 422}
    assert "<script>alert" not in answer.text
    assert "<img src=x" not in answer.text


@pytest.mark.parametrize("path", ["/runs/{run}", "/cases?run={run}", "/datasets/{dataset}"])
def test_the_text_itself_is_shown(client: TestClient, hostile: dict[str, Any], path: str) -> None:
    assert "&lt;script&gt;alert(1)" in client.get(path.format(**hostile)).text
