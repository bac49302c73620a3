"""Analyses over REST: every one answers, in every format, for any selection."""

import csv
import io
from uuid import uuid4

import pytest
from fastapi.testclient import TestClient

from core.db import Database
from tests import rows

A, H, S = rows.LABELS
NAMES = (
    "main",
    "temporal",
    "fusion",
    "templates",
    "color",
    "stability",
    "pairwise",
    "classes",
    "refusals",
    "position",
    "cases",
)


@pytest.fixture
def runs(client: TestClient, database: Database) -> list[str]:
    """Three runs over six samples: two repeats in color, one in gray."""
    with database.write.begin() as session:
        job = rows.job(
            session, rows.dataset(session, 6), rows.model(session), rows.template(session)
        )
        made = [
            rows.finished(session, job, [A, H, S, A, H, S]),
            rows.finished(session, job, [A, H, S, A, A, None], repeat=2),
            rows.finished(session, job, [A, A, A, A, H, "joy"], color="gray"),
        ]
        return [str(run.id) for run in made]


FORMATS = ("json", "csv", "markdown", "latex")


def shown(client: TestClient, name: str, form: str, **params: str) -> str:
    response = client.get(f"/v1/analyses/{name}", params={"format": form, **params})
    assert response.status_code == 200, f"{name} as {form}: {response.text}"
    return response.text


def test_every_analysis_answers_where_there_are_no_runs(client: TestClient) -> None:
    assert all(shown(client, name, form) for name in NAMES for form in FORMATS)


def test_every_analysis_is_also_tables(client: TestClient, runs: list[str]) -> None:
    without_rows = set()
    for name in NAMES:
        first = list(csv.reader(io.StringIO(shown(client, name, "csv"))))
        assert len({len(row) for row in first}) == 1
        latex = shown(client, name, "latex")
        assert latex.count(r"\begin{table}") == latex.count(r"\end{table}") > 0
        assert shown(client, name, "markdown").startswith("**")
        if len(first) == 1:
            without_rows.add(name)

    # These runs differ in nothing that the first three are about.
    assert without_rows == {"temporal", "fusion", "templates"}


def test_content_types_are_those_of_the_formats(client: TestClient, runs: list[str]) -> None:
    def kind(form: str) -> str:
        response = client.get("/v1/analyses/main", params={"format": form})
        return response.headers["Content-Type"].partition(";")[0]

    assert [kind(word) for word in ("json", "csv", "markdown", "latex")] == [
        "application/json",
        "text/csv",
        "text/markdown",
        "application/x-latex",
    ]


def test_runs_are_chosen_by_id_or_by_filter(client: TestClient, runs: list[str]) -> None:
    def chosen(**params: str | list[str]) -> int:
        cells = client.get("/v1/analyses/main", params=params).json()["cells"]
        return sum(len(cell["runs"]) for cell in cells)

    assert chosen(run=runs[:2]) == 2
    assert chosen(dataset="moods", model="local", task="tweet_sentiment") == 3
    assert chosen(model="nobody") == 0
    assert client.get("/v1/analyses/main", params={"run": str(uuid4())}).status_code == 404
    assert client.get("/v1/analyses/main", params={"run": "x"}).status_code == 422


def test_one_table_is_chosen_by_its_name(client: TestClient, runs: list[str]) -> None:
    params = {"format": "csv", "table": "spread"}

    spread = client.get("/v1/analyses/stability", params=params)
    none = client.get("/v1/analyses/stability", params={**params, "table": "heat"})

    assert spread.text.splitlines()[0].endswith("metric,mean,sd,lowest,highest")
    assert none.status_code == 422
    assert "stability, spread" in none.json()["detail"]


def test_known_values_come_through(client: TestClient, runs: list[str]) -> None:
    (color,) = client.get("/v1/analyses/color").json()["series"]
    (repeats,) = client.get("/v1/analyses/stability").json()["repeats"]
    pairs = client.get("/v1/analyses/pairwise", params={"run": runs[:2]}).json()["pairs"]

    gray = color["points"][1]
    assert (gray["value"], gray["compared"][0]["only_first"]) == ("gray", 3)
    assert repeats["agreement"] == 4 / 5
    assert pairs[0]["compared"]["p"] == 1.0


def test_a_case_leads_to_its_sample_and_its_raw_answer(client: TestClient, runs: list[str]) -> None:
    params = {"target": H, "label": A, "run": runs}

    cases = client.get("/v1/analyses/cases", params=params).json()["items"]
    first = client.get("/v1/analyses/cases", params={"limit": 1}).json()
    paged = client.get("/v1/analyses/cases", params={"limit": 1, "format": "csv"})

    assert {(case["sample"], case["ranked"][0]) for case in cases} == {
        ("s00001", A),
        ("s00004", A),
    }
    assert (cases[0]["media_urls"], cases[0]["attempt_url"]) == ([], None)
    assert paged.headers["X-Next-Cursor"] == first["next_cursor"]
