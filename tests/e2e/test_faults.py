"""A provider that refuses, fails and limits: every sample ends, and the request tree says how."""

from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from core.media.store import MediaStore
from core.rules.retry import MAX_REFUSALS
from core.settings import Settings
from gerbench.client import Json
from gerbench.endpoint import EndpointOptions, LocalEndpoint, is_forbidden
from gerbench.endpoint.log import Entry
from gerbench.faces import draw_faces
from tests.e2e import jobs
from tests.e2e.processes import up

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

RPM = 300
BATCH = 3
"""Small, so that there are more calls than a minute takes."""
SHARE = 0.03
SEED = 1
OPTIONS = EndpointOptions(
    refuse_images_share=SHARE,
    fail_share=0.05,
    rpm=RPM,
    window="bucket",  # one that slides lets nothing more in for most of a minute
    seed=SEED,
    latency_ms=50,
)


KINDS = {
    "answered": "answers",
    "rate_limited": "throttles",
    "refused": "refusals",
}
"""What the endpoint's log calls its replies, and what a request counts them as."""


@dataclass(frozen=True)
class Outcome:
    """A job that met all of it, as the API tells it."""

    job: Json
    predictions: list[Json]
    requests: dict[int, Json]
    attempts: list[Json]
    log: list[Entry]
    forbidden: set[str]
    """Names of the samples whose image the endpoint refuses."""

    @property
    def children(self) -> dict[int, list[Json]]:
        """Return the children of each request that has some."""
        found = defaultdict(list)
        for request in self.requests.values():
            if request["parent_id"] is not None:
                found[request["parent_id"]].append(request)
        return found


@pytest.fixture(scope="module")
def outcome(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Outcome]:
    folder = tmp_path_factory.mktemp("faults")
    draw_faces(folder / "faces", 100)
    with LocalEndpoint(OPTIONS) as endpoint, up(folder / "data") as service:
        client, media = service.client, MediaStore(Settings(data=service.data).media)
        jobs.import_folder(client, folder / "faces")
        limits = {"concurrency": 16, "rpm": RPM}
        jobs.name_model(client, endpoint.base_url, limits=limits)
        job = jobs.ended(client, jobs.submit(client, batch_size=BATCH), seconds=240)
        yield Outcome(
            job,
            jobs.rows(client, job, "predictions"),
            {request["id"]: request for request in jobs.rows(client, job, "requests")},
            jobs.rows(client, job, "attempts"),
            endpoint.log,
            {
                name
                for name, ref in jobs.images_of(client).items()
                if is_forbidden(media.get(ref.digest), SHARE, SEED)
            },
        )


def test_every_sample_is_answered_but_the_forbidden_ones_which_are_refused(
    outcome: Outcome,
) -> None:
    assert outcome.job["status"] == "completed"
    assert len(outcome.predictions) == 700
    by_outcome = {p["sample"]["name"]: p["outcome"] for p in outcome.predictions}
    refused = {name for name, said in by_outcome.items() if said == "refused"}
    assert set(by_outcome.values()) == {"answered", "refused"}
    assert refused == outcome.forbidden
    assert len(refused) > 10


def test_there_is_no_storm_of_429(outcome: Outcome) -> None:
    results = [entry.result for entry in outcome.log]

    assert results.count("rate_limited") <= 3
    assert len(results) > RPM, "the limit was never met"
    assert outcome.log[-1].at - outcome.log[0].at < len(results) / RPM * 60


def test_each_refused_sample_stands_at_the_end_of_a_chain_of_refusals(outcome: Outcome) -> None:
    chains = 0
    for prediction in outcome.predictions:
        if prediction["outcome"] != "refused":
            continue
        request = outcome.requests[prediction["request_id"]]
        assert (request["size"], request["refusals"]) == (1, MAX_REFUSALS)
        while request["parent_id"] is not None:
            assert request["cause"] == "refusal"
            parent = outcome.requests[request["parent_id"]]
            assert parent["state"] == "split"
            assert set(request["sample_ids"]) < set(parent["sample_ids"])
            request = parent
        assert request["cause"] == "planned"
        chains += 1
    assert chains == outcome.job["progress"]["refused"]


def test_the_children_of_each_split_hold_exactly_its_samples(outcome: Outcome) -> None:
    children = outcome.children
    splits = {key for key, request in outcome.requests.items() if request["state"] == "split"}

    assert children.keys() == splits
    for key in splits:
        handed_on = [sample for child in children[key] for sample in child["sample_ids"]]
        assert handed_on == outcome.requests[key]["sample_ids"]
    planned = [r for r in outcome.requests.values() if r["cause"] == "planned"]
    assert sorted(s for r in planned for s in r["sample_ids"]) == sorted(
        p["sample"]["id"] for p in outcome.predictions
    )
    assert {r["state"] for r in outcome.requests.values()} == {"split", "done"}


def test_totals_agree_with_the_rows_they_count(outcome: Outcome) -> None:
    progress, cost = outcome.job["progress"], outcome.job["cost"]

    assert progress["requests"] == len(outcome.requests)
    assert progress["attempts"] == len(outcome.attempts) == len(outcome.log)
    assert progress["attempts"] == sum(r["attempts"] for r in outcome.requests.values())
    said = jobs.counts(outcome.predictions, "outcome")
    assert (progress["answered"], progress["refused"]) == (said["answered"], said["refused"])
    assert (progress["pending"], progress["failed"], progress["unparsed"]) == (0, 0, 0)
    assert progress["unknown_attempts"] == 0
    spent = [a["cost_usd"] or 0 for a in outcome.attempts]
    assert cost["usd"] == pytest.approx(sum(spent), abs=1e-9)
    for tokens in ("prompt_tokens", "completion_tokens"):
        assert cost[tokens] == sum(a[tokens] or 0 for a in outcome.attempts)
    useful = {p["attempt_id"] for p in outcome.predictions if p["outcome"] == "answered"}
    lost = sum(a["cost_usd"] or 0 for a in outcome.attempts if a["id"] not in useful)
    assert cost["lost_usd"] == pytest.approx(lost, abs=1e-9)


def test_the_api_tells_of_every_failure_that_the_endpoint_made(outcome: Outcome) -> None:
    made = Counter(KINDS.get(entry.result, "faults") for entry in outcome.log)
    told = {
        name: sum(request[name] for request in outcome.requests.values())
        for name in ("refusals", "failures", "throttles")
    }

    assert told == {
        "refusals": made["refusals"],
        "failures": made["faults"],
        "throttles": made["throttles"],
    }
    assert made["faults"] > 0
    billed = sum(entry.billed for entry in outcome.log)
    assert billed == sum(a["prompt_tokens"] is not None for a in outcome.attempts)
