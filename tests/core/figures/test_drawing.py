"""The door to the figures, and what holds for whatever comes through it."""

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from uuid import UUID

import pytest
from matplotlib import rcParams

from core.analyses.figures import Average, Cell
from core.analyses.main_results import MainResults
from core.errors import InvalidInput
from core.figures.drawing import Form, Look, Width, drawn
from core.vocabulary import Task

NOTHING = Average(mean=None, ci95=None, sd=None, low=None, high=None)


def cell(number: int, *, value: float | None = 0.5) -> Cell:
    main = NOTHING
    if value is not None:
        main = Average(mean=value, ci95=(value - 0.1, value + 0.1), sd=None, low=None, high=None)
    return Cell(
        dataset=f"d{number}@{number:064d}",
        variant=None,
        task=Task.FACIAL_EMOTION,
        model="local",
        condition={"modality": "image"},
        batch_size=1,
        runs=(UUID(int=number),),
        samples=10,
        answered=10,
        refused=0,
        unparsed=0,
        failed=0,
        pending=0,
        scored=10,
        coverage=1.0,
        headline="accuracy",
        metrics={
            "accuracy": main,
            "uar": NOTHING,
            "weighted_f1": NOTHING,
            "macro_f1": NOTHING,
        },
        references=(),
        majority=None,
        random=None,
    )


def results(count: int) -> MainResults:
    return MainResults(cells=tuple(cell(number) for number in range(count)))


def test_a_service_that_draws_nothing_loads_no_matplotlib() -> None:
    code = "import sys, gerbench.service, api.main, worker.app; print('matplotlib' in sys.modules)"

    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert said.stdout.strip() == "False"


def test_no_figure_touches_pyplot() -> None:
    code = (
        "import sys, core.figures.rendering; print('matplotlib.pyplot' in sys.modules);"
        "import tests.core.figures.test_drawing as t; t.drawn(t.results(1), t.Look(t.Form.PNG));"
        "print('matplotlib.pyplot' in sys.modules)"
    )

    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert said.stdout.split() == ["False", "False"]


def test_threads_draw_what_one_thread_draws_and_leave_the_settings_alone() -> None:
    before, few, look = dict(rcParams), results(3), Look(Form.SVG, Width.COLUMN)
    alone = [drawn(results(count), look) for count in (1, 3)]

    with ThreadPoolExecutor(4) as threads:
        made = list(threads.map(lambda n: drawn(few if n % 2 else results(1), look), range(8)))

    assert made == [alone[n % 2] for n in range(8)]
    assert dict(rcParams) == before


def test_more_rows_than_can_be_read_are_refused_and_not_cut() -> None:
    assert drawn(results(120), Look(Form.SVG))
    with pytest.raises(InvalidInput, match="at most 120 rows, and here are 121"):
        drawn(results(121), Look(Form.SVG))


def test_rows_make_a_figure_higher_not_denser() -> None:
    def height(count: int) -> float:
        text = drawn(results(count), Look(Form.SVG)).decode()
        return float(text.split('height="')[1].split("pt")[0])

    ten, fifty, ninety = height(10), height(50), height(90)

    assert fifty - ten == pytest.approx(ninety - fifty)
    assert (fifty - ten) / 40 > 10  # points a row, for type of 6.5


def test_a_row_without_a_value_keeps_its_place_and_shows_no_number() -> None:
    both = MainResults(cells=(cell(0), cell(1, value=None)))

    text = drawn(both, Look(Form.SVG, Width.COLUMN)).decode()

    assert ">d1<" in text
    assert text.count(">50.00<") == 1
    assert ">0.00<" not in text
