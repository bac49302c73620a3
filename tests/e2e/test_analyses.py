"""One submission of repeats x templates x colors x batch sizes, and what every analysis says."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from core.rules.planning import shuffled
from gerbench.client import ApiProblem, Client, Json, path
from gerbench.endpoint import EndpointOptions, LocalEndpoint
from tests.e2e import jobs
from tests.e2e.processes import finished, up

pytestmark = pytest.mark.slow

TEMPLATES = ["default", "terse", "observer", "question"]
COLORS = ["rgb", "gray"]
SIZES = [1, 20]
REPEATS = 3
SAMPLES = 45
"""Two full batches and a small one."""
PLACES = len(TEMPLATES) * len(COLORS) * len(SIZES)
METRICS = {"accuracy", "uar", "weighted_f1", "macro_f1"}

UNSET = {"condition.frames", "condition.longest_side", "variant"}
"""What an image does not have, this dataset is not, or nobody asked for."""


@pytest.fixture(scope="module")
def service(faces: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Client, Path]]:
    """A service and its folder, with a model whose answers differ from repeat to repeat.

    It refuses one of the images, in color: that which stands last in the last, small batch.
    """
    folder = tmp_path_factory.mktemp("analyses") / "data"
    with up(folder) as service:
        jobs.import_folder(service.client, faces)
        digests = [image.digest for image in jobs.images_of(service.client).values()]
        refused = digests[shuffled(len(digests), 0)[SAMPLES - 1]]
        options = EndpointOptions(stray_share=0.2, refuse_image=(refused,), refusal_form="http")
        with LocalEndpoint(options) as endpoint:
            jobs.name_model(service.client, endpoint.base_url)
            yield service.client, folder


@pytest.fixture(scope="module")
def job(service: tuple[Client, Path]) -> Json:
    """All of it as one submission, ended."""
    made = jobs.submit(
        service[0],
        conditions={"template": TEMPLATES, "color": COLORS},
        repeats=REPEATS,
        batch_size=SIZES,
        sample_limit=SAMPLES,
    )
    return jobs.ended(service[0], made, seconds=240)


@pytest.fixture
def client(service: tuple[Client, Path]) -> Client:
    return service[0]


def analysis(client: Client, name: str, job: Json, **params: Any) -> Json:
    found: Json = client.get(path("analyses", name), job=job["id"], **params)
    return found


def nulls(body: Any, place: str = "") -> set[str]:
    """The places in a body that hold null, without the indices of its lists."""
    if isinstance(body, dict):
        inner = (nulls(value, f"{place}.{name}".lstrip(".")) for name, value in body.items())
        return set().union(*inner)
    if isinstance(body, list):
        return set().union(*(nulls(value, place) for value in body))
    return {place} if body is None else set()


def places(items: list[Json]) -> set[tuple[Any, ...]]:
    return {
        (each["condition"].get("template"), each["condition"].get("color"), each["batch_size"])
        for each in items
    }


ALL = {(f"{name}@1", color, size) for name in TEMPLATES for color in COLORS for size in SIZES}


def test_one_submission_is_every_combination(job: Json) -> None:
    assert (job["status"], len(job["runs"])) == ("completed", PLACES * REPEATS)
    assert places(job["runs"]) == ALL
    assert job["progress"]["samples"] == PLACES * REPEATS * SAMPLES
    for run in job["runs"]:
        assert (run["batch_asked"], run["progress"]["samples"]) == (run["batch_size"], SAMPLES)
        assert run["progress"]["refused"] == (run["condition"]["color"] == "rgb")
        assert run["progress"]["failed"] == run["progress"]["pending"] == 0
        assert run["progress"]["requests"] >= -(-SAMPLES // run["batch_size"])


def test_main_results_have_a_cell_for_each_place(client: Client, job: Json) -> None:
    cells = analysis(client, "main", job)["cells"]

    assert places(cells) == ALL
    assert {(len(cell["runs"]), cell["samples"]) for cell in cells} == {(REPEATS, 3 * SAMPLES)}
    assert {name for cell in cells for name in cell["metrics"]} == METRICS
    assert nulls(cells) == UNSET
    assert all(0 < cell["metrics"]["accuracy"]["mean"] < 1 for cell in cells)


def test_repeats_are_rated_in_each_place(client: Client, job: Json) -> None:
    repeats = analysis(client, "stability", job)["repeats"]

    assert places(repeats) == ALL
    assert {len(each["runs"]) for each in repeats} == {REPEATS}
    assert nulls(repeats) == UNSET
    for each in repeats:
        assert 0 < each["agreement"] <= 1
        assert each["agreement_ci95"][0] <= each["agreement"] <= each["agreement_ci95"][1]
        assert 0 <= each["flip_rate"] < 1
    assert any(each["flip_rate"] > 0 for each in repeats)


def test_templates_are_compared_at_one_color_and_batch_size(client: Client, job: Json) -> None:
    series = analysis(client, "templates", job)["series"]

    assert places(series) == {(None, color, size) for color in COLORS for size in SIZES}
    for each in series:
        first, *others = each["points"]
        assert [first["value"], *(point["value"] for point in others)] == [
            "default@1", "observer@1", "question@1", "terse@1",
        ]  # fmt: skip
        assert {point["batch_size"] for point in each["points"]} == {each["batch_size"]}
        assert [len(point["compared"]) for point in others] == [REPEATS] * 3
        assert each["flipped"] == len(each["flips"]) > 0
    assert nulls(series) <= {
        *UNSET,
        *(f"points.{part}" for part in UNSET),
        *(f"flips.answers.{name}@1" for name in TEMPLATES),
    }


def test_gray_is_compared_with_color_at_one_template_and_batch_size(
    client: Client, job: Json
) -> None:
    series = analysis(client, "color", job)["series"]

    assert places(series) == {(f"{name}@1", None, size) for name in TEMPLATES for size in SIZES}
    for each in series:
        rgb, gray = each["points"]
        assert (rgb["value"], gray["value"]) == ("rgb", "gray")
        assert len(gray["compared"]) == REPEATS
        for compared in gray["compared"]:
            assert 0 < compared["samples"] <= SAMPLES
            assert 0 <= compared["p"] <= 1
            assert compared["metrics"].keys() == METRICS
            assert nulls(compared) == set()


def test_two_runs_are_a_pair_and_all_of_them_too_many(client: Client, job: Json) -> None:
    runs = [run["id"] for run in job["runs"][:3]]

    pairs = client.get(path("analyses", "pairwise"), run=runs)["pairs"]

    assert len(pairs) == 3
    assert nulls(pairs) == {"variant"}
    with pytest.raises(ApiProblem, match="these are 1128 pairs of runs"):
        analysis(client, "pairwise", job)


def test_confusions_hold_every_sample_of_every_repeat(client: Client, job: Json) -> None:
    matrices = analysis(client, "classes", job)["matrices"]
    (task,) = analysis(client, "classes", job, by="task")["matrices"]

    assert places(matrices) == ALL
    assert {sum(map(sum, each["counts"])) for each in matrices} == {REPEATS * SAMPLES}
    assert sum(map(sum, task["counts"])) == PLACES * REPEATS * SAMPLES
    assert task["confused"]
    for each in matrices:
        assert [row["label"] for row in each["per_class"]] == jobs.LABELS
        # A label that was never answered has no precision, and its column no shares.
        asked = {row["label"] for row in each["per_class"] if row["recall"] is not None}
        assert asked == set(jobs.LABELS)


def test_refusals_are_shares_a_ledger_and_money(client: Client, job: Json) -> None:
    found = analysis(client, "refusals", job)

    assert places(found["shares"]) == ALL
    refused = {"rgb": REPEATS, "gray": 0}
    assert [each["refused"] for each in found["shares"]] == [
        refused[each["condition"]["color"]] for each in found["shares"]
    ]
    # A batch of five is halved and halved until the one image is alone.
    assert {
        each["extra_requests"] > 0
        for each in found["shares"]
        if each["refused"] and each["batch_size"] > 1
    } == {True}
    (ledger,) = found["ledger"]
    assert (ledger["refused"], ledger["asked"]) == (PLACES // 2 * REPEATS, PLACES * REPEATS)
    assert nulls(found) == {f"shares.{part}" for part in UNSET}


def test_slots_and_batch_sizes_are_compared(client: Client, job: Json) -> None:
    found = analysis(client, "position", job)

    slots, sizes = found["slots"], found["sizes"]
    assert places(slots) == {place for place in ALL if place[2] == 20}
    assert {len(each["slots"]) for each in slots} == {20}
    # Two full batches in the repeat that counts; what was not readable is asked again alone.
    assert {len(each["runs"]) for each in slots} == {1}
    assert max(slot["samples"] for each in slots for slot in each["slots"]) == SAMPLES // 20
    assert len(sizes) == PLACES // 2 * REPEATS
    assert {(each["first_size"], each["second_size"]) for each in sizes} == {(1, 20)}
    assert all(0 < each["compared"]["samples"] <= SAMPLES for each in sizes)
    assert nulls([each["compared"] for each in sizes]) == set()


def test_what_these_runs_do_not_vary_has_no_series(client: Client, job: Json) -> None:
    assert analysis(client, "temporal", job)["series"] == []
    assert analysis(client, "fusion", job)["series"] == []


def test_cases_add_up_to_the_counts(client: Client, job: Json) -> None:
    def count(**wanted: Any) -> int:
        return sum(1 for _ in client.items(path("analyses", "cases"), job=job["id"], **wanted))

    (matrix,) = analysis(client, "classes", job, by="task")["matrices"]
    worst = matrix["confused"][0]

    assert count(right=True) + count(right=False) == job["progress"]["answered"]
    assert count(outcome="refused") == job["progress"]["refused"]
    assert count(target=worst["target"], label=worst["label"]) == worst["count"]


def test_an_audit_tells_whether_batching_changed_answers(
    service: tuple[Client, Path], job: Json, tmp_path: Path
) -> None:
    client, folder = service
    batched = next(run for run in job["runs"] if run["batch_size"] == 20 and run["repeat"] == 2)
    command = ("runs", "audit", batched["id"], "--samples", 15, "--seed", 5, "--data", folder)

    submitted = finished(*command, log=tmp_path / "audit.log")
    (audit,) = next(client.items(path("jobs"), limit=1))["runs"]
    done = jobs.ended(client, {"id": audit["job"]})
    pair = {"run": [batched["id"], audit["id"]]}
    (sizes,) = client.get(path("analyses", "position"), **pair)["sizes"]

    assert submitted.code == 0, submitted.output
    assert (done["status"], audit["samples_of"], audit["batch_size"]) == (
        "completed", batched["id"], 1,
    )  # fmt: skip
    assert audit["condition"] == batched["condition"]
    asked = {each["sample"]["id"] for each in jobs.rows(client, job, "predictions")}
    again = {each["sample"]["id"] for each in jobs.rows(client, done, "predictions")}
    assert len(again) == 15
    assert again < asked
    compared = sizes["compared"]
    assert (compared["first"], compared["second"]) == (audit["id"], batched["id"])
    assert 0 < compared["samples"] <= 15
    assert nulls(compared) == set()


SHOWN = ("main", "stability", "templates", "color", "classes", "refusals", "position")


@pytest.mark.parametrize("form", ["csv", "markdown", "latex"])
def test_every_analysis_is_printed(client: Client, job: Json, form: str) -> None:
    printed = {
        name: client.content(path("analyses", name), job=job["id"], format=form)
        for name in (*SHOWN, "cases")
    }

    assert all(text.count(b"\n") > PLACES // 2 for text in printed.values())


def test_every_analysis_is_drawn(client: Client, job: Json) -> None:
    drawn = [client.content(path("analyses", n), job=job["id"], format="svg") for n in SHOWN]

    assert all(svg.startswith(b"<?xml") and svg.rstrip().endswith(b"</svg>") for svg in drawn)
