"""What others published, imported over REST."""

import csv
import io
import tarfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

SHARED = Path(__file__).parents[3] / "shared" / "data"
RELEASED = SHARED / "gpt4v-emotion"

LABELS = "name,gt,gpt4v\nimage/a.jpg,Happy,\nb.jpg,sad,\nc.jpg,Sad,\n"
ANSWERS = 'name,gt,gpt4v\nb,Sad,"fear,SAD"\na.png,happy,"Happy,Sad"\n'
PUBLISHED = {
    ("ckplus", None, "accuracy"): 69.72,
    ("sfew2", None, "accuracy"): 57.24,
    ("rafdb", None, "accuracy"): 75.81,
    ("ferplus", None, "accuracy"): 64.25,
    ("abstract", None, "accuracy"): 71.81,
    ("twitter1", "five_agree", "accuracy"): 97.81,
    ("twitter1", "four_agree", "accuracy"): 94.63,
    ("twitter1", "three_agree", "accuracy"): 90.71,
    ("twitter2", None, "accuracy"): 87.95,
    ("casme1", None, "accuracy"): 36.93,
    ("samm", None, "accuracy"): 17.04,
    ("dfew", None, "accuracy"): 43.80,
    ("dfew", None, "uar"): 36.96,
    ("enterface", None, "accuracy"): 33.28,
    ("enterface", None, "uar"): 33.11,
    ("cmumosi", None, "weighted_f1"): 80.43,
    ("mer2023", None, "accuracy"): 63.50,
}
REFUSED = {
    "abstract": 2,
    "casme1": 2,
    "ckplus": 0,
    "cmumosi": 4,
    "dfew": 4,
    "enterface": 0,
    "ferplus": 1,
    "mer2023": 0,
    "rafdb": 1,
    "samm": 0,
    "sfew2": 0,
    "five_agree": 14,
    "four_agree": 17,
    "three_agree": 20,
    "twitter2": 14,
}
"""Labels without an answer, counted in the files."""


def packed(files: Mapping[str, str | bytes]) -> io.BytesIO:
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w") as tar:
        for name, content in files.items():
            data = content.encode() if isinstance(content, str) else content
            entry = tarfile.TarInfo(name)
            entry.size = len(data)
            tar.addfile(entry, io.BytesIO(data))
    archive.seek(0)
    return archive


def send(client: TestClient, files: Mapping[str, str | bytes], **fields: str) -> Any:
    archive = {"archive": ("benchmark.tar", packed(files))}
    return client.post("/v1/runs/import", files=archive, data=fields)


def test_published_answers_become_a_run_beside_ours(client: TestClient) -> None:
    made = send(client, {"dfew/label.csv": LABELS, "dfew/label-gpt4v-2.csv": ANSWERS}, model="x")

    assert made.status_code == 201, made.text
    (run,) = made.json()["runs"]
    assert (run["origin"], run["model"], run["new"]) == ("published", "x", True)
    assert (run["samples"], run["answered"], run["refused"]) == (3, 2, 1)
    assert (run["condition"]["modality"], run["condition"]["frames"]) == ("video", 2)
    assert run["top_k"] == {"1": 0.5, "2": 1.0, "3": 1.0}
    shown = client.get(f"/v1/runs/{run['run_id']}").json()
    assert (shown["job"], shown["cost"]["usd"]) == (None, None)
    predictions = client.get(f"/v1/runs/{run['run_id']}/predictions").json()["items"]
    assert [(p["sample"]["name"], p["outcome"], p["ranked"]) for p in predictions] == [
        ("b.jpg", "answered", ["Fear", "Sad"]),
        ("c.jpg", "refused", None),
        ("image/a.jpg", "answered", ["Happy", "Sad"]),
    ]
    listed = client.get("/v1/metrics", params={"model": "x", "origin": "published"}).json()
    assert [item["run_id"] for item in listed["items"]] == [run["run_id"]]


def test_the_same_import_twice_changes_nothing(client: TestClient) -> None:
    files = {"dfew/label.csv": LABELS, "dfew/label-gpt4v.csv": ANSWERS}
    first = send(client, files).json()["runs"]

    again = send(client, files)

    assert again.status_code == 200
    assert [{**run, "new": True} for run in again.json()["runs"]] == first
    assert len(client.get("/v1/runs").json()["items"]) == 1
    assert len(client.get("/v1/datasets").json()["items"]) == 1


def test_two_files_of_one_dataset_do(client: TestClient) -> None:
    files = {"labels": ("label.csv", LABELS), "answers": ("label-gpt4v.csv", ANSWERS)}

    made = client.post("/v1/runs/import", files=files, data={"dataset": "dfew"})

    assert made.status_code == 201, made.text
    assert made.json()["runs"][0]["dataset"].startswith("dfew@")


def test_a_dataset_that_is_not_built_in_brings_its_spec(client: TestClient) -> None:
    spec = (
        '{"name": "mine", "task": "facial_emotion", "modality": "image",'
        ' "labels": ["happy", "sad"], "scoring": {"out_of_vocabulary": "dropped"}}'
    )
    files = {"mine/label.csv": LABELS, "mine/label-gpt4v-grey.csv": ANSWERS}

    refused = send(client, files)
    made = send(client, {**files, "mine/spec.json": spec})

    assert "put its spec beside its labels" in refused.json()["detail"]
    (run,) = made.json()["runs"]
    assert run["condition"]["color"] == "gray"
    assert (run["out_of_vocabulary"], run["scored"]) == (1, 1)


@pytest.mark.parametrize(
    ("files", "reason"),
    [
        ({"dfew/label.csv": LABELS}, "no published answers"),
        ({"dfew/label-gpt4v.csv": ANSWERS}, "label.csv, which its labels are in"),
        ({"dfew/label.csv": LABELS, "dfew/label-gpt4v-x.csv": ANSWERS}, "'x' is no number"),
        ({"dfew/label.csv": LABELS, "dfew/label-five-gpt4v.csv": ANSWERS}, "no variant of dfew"),
        ({"dfew/label.csv": LABELS, "dfew/label-llava.csv": ANSWERS}, "none of its columns"),
        (
            {"dfew/label.csv": LABELS, "dfew/label-gpt4v.csv": ANSWERS.replace("b,Sad", "z,Sad")},
            "is about 'z'",
        ),
        (
            {"dfew/label.csv": LABELS, "dfew/label-gpt4v.csv": ANSWERS.replace("b,Sad", "b,Fear")},
            "the labels have another",
        ),
        (
            {"dfew/label.csv": LABELS.replace("sad", "sat"), "dfew/label-gpt4v.csv": ANSWERS},
            "'sat', which is not one of",
        ),
    ],
)
def test_what_does_not_fit_is_refused_whole(
    client: TestClient, files: dict[str, str], reason: str
) -> None:
    refused = send(client, files)

    assert refused.status_code == 422
    assert reason in refused.json()["detail"]
    assert client.get("/v1/datasets").json()["items"] == []


def test_a_dataset_without_media_takes_no_job(client: TestClient) -> None:
    send(client, {"dfew/label.csv": LABELS, "dfew/label-gpt4v.csv": ANSWERS})

    refused = client.post("/v1/jobs", json={"dataset": "dfew", "models": ["any"]})

    assert refused.status_code == 422
    assert "has no media to ask about" in refused.json()["detail"]


@pytest.mark.skipif(
    not RELEASED.is_dir(),
    reason="the authors' released predictions are not part of this repository",
)
def test_every_published_figure_is_reproduced_to_two_decimals(client: TestClient) -> None:
    files = {
        path.relative_to(SHARED).as_posix(): path.read_bytes() for path in RELEASED.rglob("*.csv")
    }

    made = send(client, files)

    assert made.status_code == 201, made.text
    items = client.get("/v1/metrics", params={"limit": 100}).json()["items"]
    assert len(items) == len(made.json()["runs"]) == 19
    main = {
        (item["dataset"].split("@")[0], item["variant"]): item
        for item in items
        if item["condition"]["modality"] in {"image", "video+text"}
        or item["dataset"].startswith(("dfew", "enterface"))
    }
    assert {
        (name, variant, metric): round(100 * main[name, variant][metric]["value"], 2)
        for name, variant, metric in PUBLISHED
    } == PUBLISHED
    assert {variant or name: item["refused"] for (name, variant), item in main.items()} == REFUSED
    assert main["enterface", None]["condition"]["frames"] == 3
    assert main["cmumosi", None]["excluded"] == 30
    for (name, variant, metric), value in PUBLISHED.items():
        (own,) = (
            each
            for each in main[name, variant]["references"]
            if each["system"] == "GPT-4V" and each["metric"] == metric
        )
        assert round(100 * own["value"], 2) == value
        assert abs(own["delta"]) < 5e-5
    cells = client.get("/v1/analyses/main", params={"dataset": "rafdb"}).json()["cells"]
    assert [cell["references"] for cell in cells] == [main["rafdb", None]["references"]]
    with (SHARED / "paper" / "reference_results.csv").open(encoding="utf-8") as lines:
        wanted = sum(row["dataset"] == "rafdb" for row in csv.DictReader(lines))
    assert len(main["rafdb", None]["references"]) == wanted
