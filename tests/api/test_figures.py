"""Analyses as figures over REST: every one, as SVG and PNG, from the rows of real runs."""

import re
import struct
from collections.abc import Sequence
from xml.etree import ElementTree as ET

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from core.db import Database
from tests import rows

A, H, S = rows.LABELS
SVG = "{http://www.w3.org/2000/svg}"
DRAWN = (
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
)
INCHES = {"column": 3.3, "page": 7.0}
FEW = 10
"""Pixels by which rounding may move an edge."""


@pytest.fixture
def runs(client: TestClient, database: Database) -> list[str]:
    """Runs over six samples that differ in repeat, color, frames, modality, template and model."""
    with database.write.begin() as session:
        job = rows.job(
            session, rows.dataset(session, 6), rows.model(session), rows.template(session)
        )
        right, some, few = [A, H, S, A, H, S], [A, H, S, A, A, None], [A, A, A, A, H, "joy"]
        made = [
            rows.finished(session, job, right),
            rows.finished(session, job, some, repeat=2),
            rows.finished(session, job, few, color="gray"),
            rows.finished(session, job, some, template="terse@1"),
            rows.finished(session, job, right, modality="video", frames=1),
            rows.finished(session, job, few, modality="video", frames=3),
            rows.finished(session, job, few, model=rows.model(session, "other")),
        ]
        return [str(run.id) for run in made]


def svg(client: TestClient, name: str, **params: str | Sequence[str]) -> ET.Element:
    response = client.get(f"/v1/analyses/{name}", params={"format": "svg", **params})
    assert response.status_code == 200, f"{name}: {response.text}"
    assert response.headers["Content-Type"] == "image/svg+xml"
    return ET.fromstring(response.content)  # noqa: S314 - our own answer


def texts(figure: ET.Element) -> list[str]:
    return ["".join(element.itertext()) for element in figure.iter(f"{SVG}text")]


def png_size(content: bytes) -> tuple[int, int]:
    assert content[:8] == b"\x89PNG\r\n\x1a\n"
    width, height = struct.unpack(">II", content[16:24])
    return width, height


@pytest.mark.parametrize("width", list(INCHES))
@pytest.mark.parametrize("name", DRAWN)
def test_every_analysis_is_drawn_at_the_width_asked_for(
    client: TestClient, runs: list[str], name: str, width: str
) -> None:
    figure = svg(client, name, width=width)
    png = client.get(f"/v1/analyses/{name}", params={"format": "png", "width": width})

    assert png.headers["Content-Type"] == "image/png"
    across, down = png_size(png.content)
    assert across == round(300 * INCHES[width])
    points = [float(figure.attrib[side].removesuffix("pt")) for side in ("width", "height")]
    assert points[0] == pytest.approx(72 * INCHES[width])
    assert abs(down - points[1] / 72 * 300) < FEW
    assert not any(text.startswith("No") for text in texts(figure))


def test_the_figures_say_what_the_tables_say(client: TestClient, runs: list[str]) -> None:
    first = runs[:2]

    main = texts(svg(client, "main", run=first))
    stability = texts(svg(client, "stability", run=first))
    pairs = texts(svg(client, "pairwise", run=first))
    refusals = texts(svg(client, "refusals", run=first))

    # 6 of 6 right, then 4 of 5, one refused.
    assert {"moods", "90.00", "6 × 2", "91.67"} <= set(main)
    # One of five samples with two answers changes.
    assert {"20.00", "90.00"} <= set(stability)
    assert {"#2 − #1", "−20.00", "1.000", "5"} <= set(pairs)
    assert "8.33" in refusals


def test_a_confusion_matrix_is_shown_as_counts_or_shares(
    client: TestClient, runs: list[str]
) -> None:
    def cells(normalise: str) -> list[str]:
        figure = svg(client, "classes", run=runs[1:2], normalise=normalise)
        return [text for text in texts(figure) if re.fullmatch(r"[\d.]+", text)]

    # anger: 2 of 2 right. happiness: one right, one anger. sadness: one right, one refused.
    assert cells("counts") == [*"20000", *"11000", *"00101"]
    assert cells("rows")[5:8] == ["50.00", "50.00", "0.00"]
    assert cells("columns")[:3] == ["66.67", "0.00", "0.00"]
    assert {"other", "refused"} <= set(texts(svg(client, "classes", run=runs[1:2])))


def test_what_was_not_run_is_blank_and_not_zero(client: TestClient, runs: list[str]) -> None:
    # Of "other" there is no run with the template "terse".
    figure = svg(client, "refusals")

    numbers = [text for text in texts(figure) if re.fullmatch(r"\d+\.\d\d", text)]
    assert len(numbers) == 3
    assert any("blank: not run" in text for text in texts(figure))


@pytest.mark.parametrize("name", DRAWN)
def test_a_selection_with_nothing_to_show_says_so(client: TestClient, name: str) -> None:
    said = texts(svg(client, name))

    assert len(said) == 2
    assert said[1].startswith(("No", "Nothing"))


def test_the_same_data_give_the_same_bytes(client: TestClient, runs: list[str]) -> None:
    for form in ("svg", "png"):
        first, second = (
            client.get("/v1/analyses/main", params={"format": form}).content for _ in range(2)
        )
        assert first == second
        assert b"20" + b"26-" not in first


@pytest.mark.filterwarnings("ignore:Glyph")  # what pytest forgets between tests
def test_names_are_drawn_as_they_are_whatever_is_in_them(
    client: TestClient, database: Database
) -> None:
    hostile = r"$\frac{<b>&amp; 开心"
    with database.write.begin() as session:
        of = rows.dataset(session, 3, labels=(A, H, S, hostile))
        job = rows.job(session, of, rows.model(session), rows.template(session))
        rows.finished(session, job, [A, H, S])

    figure = svg(client, "classes", width="column")
    png = client.get("/v1/analyses/classes", params={"format": "png"})

    assert any(text.startswith(r"$\frac{<b>") for text in texts(figure))
    assert png.status_code == 200


def test_cases_have_no_figure_and_say_what_they_have(client: TestClient) -> None:
    response = client.get("/v1/analyses/cases", params={"format": "svg"})

    assert response.status_code == 422
    assert "'json', 'csv', 'markdown' or 'latex'" in response.json()["detail"]


def test_a_figure_shows_no_single_table(client: TestClient, runs: list[str]) -> None:
    response = client.get("/v1/analyses/main", params={"format": "png", "table": "main"})

    assert response.status_code == 422
    assert "leave out `table`" in response.json()["detail"]


def test_the_documentation_lists_every_content_type(app: FastAPI) -> None:
    paths = app.openapi()["paths"]
    tables = {"application/json", "text/csv", "text/markdown", "application/x-latex"}

    def kinds(name: str) -> set[str]:
        return set(paths[f"/v1/analyses/{name}"]["get"]["responses"]["200"]["content"])

    assert all(kinds(name) == tables | {"image/svg+xml", "image/png"} for name in DRAWN)
    assert kinds("cases") == tables
