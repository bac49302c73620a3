"""Every page, wide and narrow, light and dark: no barrier, no error, nothing from elsewhere."""

import pytest

from api.pages.analyses import KINDS
from gerbench.client import path as path_of
from tests.pages.chromium import NARROW, WIDE
from tests.pages.conftest import OpenDesk, Place

pytestmark = [pytest.mark.slow, pytest.mark.timeout(240)]


def versions(place: Place) -> list[str]:
    """Return two versions of a template that is the team's own."""
    kind = {"name": "brief", "task": "facial_emotion", "modality": "image"}
    texts = ("Name the emotion of each of the {count} faces.", "Name the mood of each face.")
    post = place.service.client.post
    return [post("/v1/templates", {**kind, "text": text})["id"] for text in texts]


def paths(place: Place) -> dict[str, str]:
    job, run = place.job["id"], place.job["runs"][0]["id"]
    attempt = next(iter(place.service.client.items(path_of("runs", run, "attempts"))))
    case = place.service.client.get(path_of("analyses", "cases"), run=run)["items"][0]
    before, after = versions(place)
    hook = place.service.client.post("/v1/webhooks", {"url": "http://127.0.0.1:9/hook"})["id"]
    place.service.client.post(path_of("webhooks", hook, "ping"))
    return {
        "jobs": "/jobs",
        "no-jobs": "/jobs?status=failed",
        "new-job": "/jobs/new",
        "quote": "/jobs/new?dataset=faces&models=local&repeats=2",
        "faulty-form": "/jobs/new?dataset=faces&models=local&repeats=no",
        "job": f"/jobs/{job}",
        "run": f"/runs/{run}",
        "run-by-row": f"/runs/{run}?show=rows",
        "attempts": f"/runs/{run}/attempts",
        "attempt": f"/attempts/{attempt['id']}",
        "cases": f"/cases?run={run}&right=false",
        "case": f"/cases?run={run}&chosen={case['sample_id']}",
        "no-cases": f"/cases?run={run}&target=none",
        "benchmark": "/benchmark",
        "sorted": "/benchmark?sort=-main.value",
        "no-runs": "/benchmark?dataset=none",
        "analyses": "/analyses",
        **{name: f"/analyses/{name}" for name in KINDS if name != "main"},
        "compared": f"/analyses/pairwise?job={job}",
        "compare": "/compare",
        "no-runs-to-compare": "/compare?dataset=none",
        "views": "/dashboards",
        "datasets": "/datasets",
        "dataset": "/datasets/faces",
        "new-dataset": "/datasets/new",
        "models": "/models",
        "model": "/models/local",
        "templates": "/templates",
        "no-templates": "/templates?name=none",
        "template": f"/templates/{after}?against={before}",
        "preview": f"/templates/{after}?dataset=faces&model=local&count=2",
        "new-template": f"/templates/new?like={after}",
        "team": "/team",
        "keys": "/keys",
        "webhooks": "/webhooks",
        "webhook": f"/webhooks/{hook}",
        "no-deliveries": f"/jobs/{job}/deliveries",
        "audit": "/audit",
        "no-audit": "/audit?key_name=nobody",
    }


@pytest.mark.parametrize(
    ("width", "dark"), [(WIDE, False), (NARROW, True)], ids=["desktop", "phone-in-the-dark"]
)
def test_every_page_is_open_to_everyone(
    at_desk: OpenDesk, place: Place, width: int, dark: bool
) -> None:
    barriers = []
    with at_desk(width=width, dark=dark) as desk:
        for name, path in paths(place).items():
            desk.goto(path)
            barriers += desk.barriers()
            desk.keep(f"{name}-{width}-{'dark' if dark else 'light'}")

            assert not desk.overflows(), path

    assert not barriers, "\n".join(barriers)


def test_the_documentation_of_the_api_works_without_an_inline_script(at_desk: OpenDesk) -> None:
    with at_desk(width=WIDE, dark=False) as desk:
        desk.page.goto(f"{desk.url}/docs")
        desk.page.locator(".opblock-summary-control").first.click()
        desk.page.locator(".opblock-body").first.wait_for()
