"""The dashboard and the alert rules in docs ask for figures that there are, by labels they have."""

import json
import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import promql_parser as promql
import pytest
import yaml

from api.exposition import Families
from core import census
from core.db import utc_now
from core.rules.room import Health
from core.rules.stalls import StallCode
from core.rules.states import Status
from core.vocabulary import Result
from tests.api.parties import Party, serving

FOLDER = Path(__file__).parents[2] / "docs" / "monitoring"
ALERTS = yaml.safe_load((FOLDER / "alerts.yml").read_text("utf-8"))
DASHBOARD = json.loads((FOLDER / "grafana.json").read_text("utf-8"))

RULES = [rule for group in ALERTS["groups"] for rule in group["rules"]]
PANELS = [panel for panel in DASHBOARD["panels"] if panel["type"] != "row"]
VARIABLES = {"$__rate_interval": "5m", "$team": ".*", "$model": ".*"}
"""What Grafana puts in before it asks."""

ASKED = [
    *((rule["alert"], rule["expr"]) for rule in RULES),
    *((panel["title"], target["expr"]) for panel in PANELS for target in panel["targets"]),
]
VALUES: dict[str, set[str]] = {
    "result": {*Result},
    "health": {*Health},
    "code": {*StallCode},
    "status": {*Status},
    "limit": {"rpm", "tpm", "rpd", "concurrency"},
}
"""Labels whose values are a closed set."""
Exposed = dict[str, set[str]]
SUFFIXES = {"counter": "_total", "info": "_info"}
"""What the text format adds to the names of families."""


@pytest.fixture(scope="module")
def exposed(sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Exposed:
    """Every name that /metrics gives, each with its labels; and Prometheus' own `up`."""
    now = utc_now()
    with serving(sqlite_template, tmp_path_factory.mktemp("monitored")) as service:
        told = service.ask(Party.OPERATOR, "GET", "/metrics").text
        with service.database.read() as session:
            counted = census.take(session, patience=timedelta(minutes=1), now=now)
    families = {
        family.name + SUFFIXES.get(family.type, ""): set(vars(family)["_labelnames"] or ())
        for family in Families(counted, now).collect()
    }
    assert families.keys() == set(re.findall(r"^# TYPE (\w+) ", told, re.MULTILINE))
    return {**families, "up": {"job", "instance"}}


def plain(expression: str) -> str:
    for variable, value in VARIABLES.items():
        expression = expression.replace(variable, value)
    return expression


def selectors(node: Any) -> Iterator[tuple[str, list[promql.Matcher]]]:
    """Yield every vector that an expression reads: its name, and what is asked of its labels."""
    match node:
        case promql.VectorSelector():
            assert node.name is not None
            yield node.name, node.matchers.matchers
        case promql.MatrixSelector():
            yield from selectors(node.vector_selector)
        case promql.Call():
            for argument in node.args:
                yield from selectors(argument)
        case promql.BinaryExpr():
            yield from selectors(node.lhs)
            yield from selectors(node.rhs)
        case promql.AggregateExpr() | promql.ParenExpr() | promql.UnaryExpr():
            yield from selectors(node.expr)
        case promql.SubqueryExpr():
            yield from selectors(node.expr)


def grouped(node: Any) -> Iterator[tuple[set[str], Any]]:
    """Yield the labels of every aggregation, and what is aggregated."""
    match node:
        case promql.AggregateExpr():
            if node.modifier is not None:
                yield set(node.modifier.labels), node.expr
            yield from grouped(node.expr)
        case promql.BinaryExpr():
            yield from grouped(node.lhs)
            yield from grouped(node.rhs)
        case promql.ParenExpr() | promql.UnaryExpr() | promql.SubqueryExpr():
            yield from grouped(node.expr)
        case promql.Call():
            for argument in node.args:
                yield from grouped(argument)


@pytest.mark.parametrize(("title", "expression"), ASKED, ids=[title for title, _ in ASKED])
def test_what_is_asked_for_is_exposed(title: str, expression: str, exposed: Exposed) -> None:
    asked = promql.parse(plain(expression))

    read = list(selectors(asked))
    assert read, title
    for name, matchers in read:
        assert name in exposed
        for matcher in matchers:
            assert matcher.name in exposed[name], name
            if matcher.name in VALUES and matcher.value != ".*":
                assert VALUES[matcher.name].issuperset(matcher.value.split("|"))
    for labels, of in grouped(asked):
        for name, _ in selectors(of):
            assert labels <= exposed[name], name


def test_every_figure_is_looked_at_by_a_panel_or_an_alert(exposed: Exposed) -> None:
    read = {name for _, text in ASKED for name, _ in selectors(promql.parse(plain(text)))}

    assert set(exposed) - read <= {"gerbench_info"}


def test_alerts_say_what_is_wrong_and_what_to_do_and_whom_to_wake() -> None:
    names = [rule["alert"] for rule in RULES]

    assert len(set(names)) == len(names) > 10
    for rule in RULES:
        assert rule["labels"]["severity"] in {"page", "ticket"}
        assert rule["annotations"].keys() == {"summary", "description"}
        assert re.fullmatch(r"\d+[smh]", rule.get("for", "0s"))


def test_an_alert_tells_only_labels_that_its_expression_leaves(exposed: Exposed) -> None:
    for rule in RULES:
        told = set(re.findall(r"\$labels\.(\w+)", " ".join(rule["annotations"].values())))
        asked = promql.parse(rule["expr"])
        groups = [labels for labels, _ in grouped(asked)]
        left = groups[0] if groups else exposed[next(selectors(asked))[0]]
        assert told <= left | {"instance"}, rule["alert"]


def test_panels_are_apart_and_read_the_source_that_was_chosen() -> None:
    ids = [panel["id"] for panel in DASHBOARD["panels"]]
    places = [tuple(panel["gridPos"][side] for side in "xywh") for panel in DASHBOARD["panels"]]
    cells = [(x + i, y + j) for x, y, w, h in places for i in range(w) for j in range(h)]

    assert len(set(ids)) == len(ids)
    assert len(set(cells)) == len(cells)
    assert all(x + w <= 24 for x, _, w, _ in places)
    assert all(p["datasource"]["uid"] == "${datasource}" for p in PANELS)
    named = {variable["name"] for variable in DASHBOARD["templating"]["list"]}
    assert named == {"datasource", "team", "model"}


def test_the_guide_names_every_figure(exposed: Exposed) -> None:
    guide = (FOLDER.parent / "guides" / "operations.md").read_text("utf-8")

    names = {name.removeprefix("gerbench_") for name in exposed} - {"info", "up"}
    assert {name for name in names if f"`{name}`" not in guide} == set()
