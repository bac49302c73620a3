"""Tables in the formats of papers and spreadsheets."""

import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.rules.tables import Column, Table, points, to_csv, to_latex, to_markdown

TABLE = Table(
    "main",
    "Results & more",
    (
        Column("a_b"),
        Column("n", "count"),
        Column("value", "share"),
        Column("95 %", "share", interval=True),
        Column("change", "points"),
        Column("p", "p"),
    ),
    [("x|y_z", 1234, 0.5, (0.25, 0.75), -0.1, 0.0001), ("50 %", None, None, None, 0.02, 0.25)],
)


def test_csv_keeps_values_as_they_are() -> None:
    assert to_csv(TABLE).splitlines() == [
        "a_b,n,value,95 % low,95 % high,change,p",
        "x|y_z,1234,0.5,0.25,0.75,-0.1,0.0001",
        "50 %,,,,,0.02,0.25",
    ]


def test_markdown_is_for_people() -> None:
    assert to_markdown([TABLE]).splitlines() == [
        "**Results & more**",
        "",
        r"| a_b    |     n | value |           95 % | change |        p |",
        r"| :----- | ----: | ----: | -------------: | -----: | -------: |",
        r"| x\|y_z | 1,234 | 50.00 | 25.00 to 75.00 | -10.00 | \< 0.001 |",
        r"| 50 %   |     - |     - |              - |  +2.00 |    0.250 |",
    ]


def test_latex_is_escaped() -> None:
    text = to_latex([TABLE])

    assert r"\caption{Results \& more}" in text
    assert r"\begin{tabular}{lrrrrr}" in text
    assert r"x|y\_z & 1,234 & 50.00 & 25.00 to 75.00 & -10.00 & \textless{} 0.001 \\" in text
    assert r"50 \% & - & - & - & +2.00 & 0.250 \\" in text


def test_no_field_is_taken_for_a_formula() -> None:
    table = Table("t", "t", (Column("label"),), [("=1+1",), ("-",), ("plain",)])

    assert to_csv(table).splitlines() == ["label", "'=1+1", "'-", "plain"]


words = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0\r\n"), min_size=1)


@given(words)
def test_any_text_comes_back_from_csv_and_keeps_one_row_elsewhere(text: str) -> None:
    table = Table("t", "t", (Column("label"), Column("n", "count")), [(text, 1)])

    _, row = csv.reader(io.StringIO(to_csv(table), newline=""))
    latex_row = to_latex([table]).split("\\midrule\n")[1].split("\n\\bottomrule")[0]

    assert row[0].removeprefix("'") == text.removeprefix("'")
    assert "\n" not in latex_row
    assert to_markdown([table]).count("\n") == 5


@pytest.mark.parametrize(
    ("difference", "text"),
    [(0.1, "+10.00"), (-0.1308, "-13.08"), (0.0, "+0.00"), (-0.00002, "+0.00"), (-0.0001, "-0.01")],
)
def test_a_difference_has_a_sign_and_nothing_is_not_negative(difference: float, text: str) -> None:
    assert points(difference) == text
