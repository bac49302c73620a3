"""Every page, wide and narrow, light and dark: no barrier, no error, nothing from elsewhere."""

import pytest

from tests.pages.chromium import NARROW, WIDE
from tests.pages.conftest import OpenDesk, Place

pytestmark = [pytest.mark.slow, pytest.mark.timeout(240)]


def paths(place: Place) -> dict[str, str]:
    job = place.job["id"]
    return {
        "jobs": "/jobs",
        "no-jobs": "/jobs?status=failed",
        "new-job": "/jobs/new",
        "quote": "/jobs/new?dataset=faces&models=local&repeats=2",
        "faulty-form": "/jobs/new?dataset=faces&models=local&repeats=no",
        "job": f"/jobs/{job}",
    }


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("width", [WIDE, NARROW], ids=["wide", "narrow"])
def test_every_page_is_open_to_everyone(
    at_desk: OpenDesk, place: Place, width: int, dark: bool
) -> None:
    barriers = []
    with at_desk(width=width, dark=dark) as desk:
        for name, path in paths(place).items():
            desk.goto(path).wait_for_load_state("networkidle")
            barriers += desk.barriers()
            desk.keep(f"{name}-{width}-{'dark' if dark else 'light'}")

            assert not desk.overflows(), path

    assert not barriers, "\n".join(barriers)
