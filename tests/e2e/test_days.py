"""A limit a day, whose day is a few seconds long: the run sleeps, and goes on at each reset."""

import time
from collections import Counter
from pathlib import Path

import pytest

from gerbench.endpoint import EndpointOptions, LocalEndpoint
from tests.e2e import jobs
from tests.e2e.processes import up

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]

DAY_S = 8.0
A_DAY = 60
"""Of the 140 requests: three days."""


def test_a_run_of_three_days_sleeps_and_goes_on_at_each_reset(tmp_path: Path, faces: Path) -> None:
    options = EndpointOptions(rpd=A_DAY, day_seconds=DAY_S, window="fixed", latency_ms=20)
    with up(tmp_path / "data") as service, LocalEndpoint(options) as endpoint:
        jobs.import_folder(service.client, faces)
        jobs.name_model(service.client, endpoint.base_url, limits={"rpd": A_DAY})

        job = jobs.ended(service.client, jobs.submit(service.client, batch_size=1), 120)
        log = endpoint.log

    # Its days begin at full multiples of their length on the system's monotonic clock.
    ahead = time.time() - time.monotonic()
    days = Counter(int((entry.at - ahead) // DAY_S) for entry in log)
    assert (job["status"], job["progress"]["pending"]) == ("completed", 0)
    assert {entry.status for entry in log} == {200}
    assert sum(days.values()) == 140
    # A call is counted when it comes and logged when it is answered, perhaps on the next day.
    assert max(days.values()) <= A_DAY + 8
    assert len(days) >= 3
