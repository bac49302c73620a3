"""A backup in the middle of a job: the job goes on elsewhere, as after a power failure."""

from pathlib import Path
from uuid import UUID

import pytest
from typer.testing import CliRunner, Result

from gerbench.cli.main import app
from gerbench.endpoint import EndpointOptions, LocalEndpoint
from tests.chaos.invariants import (
    every_sample_has_one_outcome,
    facts_of,
    nothing_is_left_open,
    totals_agree,
)
from tests.chaos.jobs_under_way import CALLS, rows_of
from tests.e2e import jobs
from tests.e2e.processes import up

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120)]

SAMPLES = 70


def db(*arguments: object) -> Result:
    """Run `gerbench db …` in this process: the service must not wait for another to start."""
    return CliRunner().invoke(app, ["db", *map(str, arguments)])


def test_a_job_goes_on_in_a_new_folder_from_a_backup_that_was_made_while_it_ran(
    tmp_path: Path, faces: Path
) -> None:
    backup = tmp_path / "backup"
    with LocalEndpoint(EndpointOptions(latency_ms=300, concurrency=CALLS)) as endpoint:
        with up(tmp_path / "old") as service:
            jobs.import_folder(service.client, faces)
            jobs.name_model(service.client, endpoint.base_url, limits={"concurrency": CALLS})
            job = jobs.submit(service.client, batch_size=1, sample_limit=SAMPLES)
            jobs.reached(service.client, job, 0.1)
            before = jobs.rows(service.client, job, "predictions")
            digests = {name: ref.digest for name, ref in jobs.images_of(service.client).items()}
            made = db("backup", "--media", "--data", tmp_path / "old", backup)
            under_way = jobs.now(service.client, job)
            service.process.kill()
        restored = db("restore", "--data", tmp_path / "new", backup)
        old_calls = len(endpoint.log)
        with up(tmp_path / "new") as service, rows_of(service) as database:
            job = jobs.ended(service.client, job)
            after = jobs.rows(service.client, job, "predictions")
            with database.read() as session:
                facts = facts_of(session, UUID(job["id"]))

    assert (made.exit_code, restored.exit_code) == (0, 0), made.output + restored.output
    assert "140 media" in made.output
    assert under_way["status"] == "running"
    assert (job["status"], job["progress"]["answered"]) == ("completed", SAMPLES)
    every_sample_has_one_outcome(facts, facts.runs[0])
    totals_agree(facts, facts.runs[0])
    nothing_is_left_open(facts)
    # What had its answer then has the same one now, and was not paid for again.
    assert jobs.said(before).items() <= jobs.said(after).items()
    answered = {digests[prediction["sample"]["name"]] for prediction in before}
    assert not answered & set(jobs.paid(endpoint.log[old_calls:]))
