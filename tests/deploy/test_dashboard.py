"""The Grafana dashboard: it can be imported, nothing lies on anything, and workers serve what it asks for."""

from __future__ import annotations

import itertools
import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.deploy.promql import not_served

if TYPE_CHECKING:
    from tests.deploy.promql import Served

FILE = Path(__file__).parents[2] / "deploy" / "grafana" / "chatlog.json"
DASHBOARD: dict[str, Any] = json.loads(FILE.read_text())
PANELS: list[dict[str, Any]] = DASHBOARD["panels"]
SHOWING = [panel for panel in PANELS if panel["type"] != "row"]
COLUMNS = 24
#: What Grafana puts in the place of its own variables.
GRAFANA = {"$__rate_interval": "1m", "$__range": "6h"}


def queries(panel: dict[str, Any]) -> list[str]:
    return [_as_prometheus_gets_it(target["expr"]) for target in panel["targets"]]


def _as_prometheus_gets_it(expression: str) -> str:
    for variable, value in GRAFANA.items():
        expression = expression.replace(variable, value)
    return expression


def test_it_has_what_grafana_needs_to_import_it() -> None:
    assert re.fullmatch(r"[A-Za-z0-9_-]{1,40}", DASHBOARD["uid"])
    assert DASHBOARD["title"]
    assert DASHBOARD["schemaVersion"] >= 36
    # An id belongs to the Grafana it was exported from: with it, the import overwrites another dashboard.
    assert "id" not in DASHBOARD
    assert "__inputs" not in DASHBOARD


def test_the_ids_of_panels_are_unique() -> None:
    ids = [panel["id"] for panel in PANELS]
    assert len(ids) == len(set(ids))


def test_panels_lie_on_the_grid_and_not_on_each_other() -> None:
    places = [panel["gridPos"] for panel in PANELS]
    for place in places:
        assert place["x"] >= 0
        assert place["y"] >= 0
        assert place["w"] > 0
        assert place["h"] > 0
        assert place["x"] + place["w"] <= COLUMNS
    for one, other in itertools.combinations(places, 2):
        apart = (
            one["x"] + one["w"] <= other["x"]
            or other["x"] + other["w"] <= one["x"]
            or one["y"] + one["h"] <= other["y"]
            or other["y"] + other["h"] <= one["y"]
        )
        assert apart, (one, other)


def test_it_shows_all_that_an_operator_looks_for() -> None:
    rows = [panel["title"] for panel in PANELS if panel["type"] == "row"]
    assert rows == [
        "Overview",
        "Capture",
        "Persist",
        "Platforms",
        "Exports",
        "Dead letters",
        "Services",
        "Process",
        "Partitions",
    ]
    assert not any(panel["collapsed"] for panel in PANELS if panel["type"] == "row")


@pytest.mark.parametrize("panel", SHOWING, ids=lambda panel: f"{panel['id']}-{panel['title']}")
def test_a_panel_asks_for_what_workers_serve(panel: dict[str, Any], served: Served) -> None:
    assert panel["title"]
    assert panel["targets"]
    for query in queries(panel):
        assert not_served(query, served) == []


@pytest.mark.parametrize("panel", SHOWING, ids=lambda panel: f"{panel['id']}-{panel['title']}")
def test_a_panel_takes_its_data_from_the_chosen_source_and_workers(panel: dict[str, Any]) -> None:
    references = [target["refId"] for target in panel["targets"]]
    assert len(references) == len(set(references))
    for source in (panel, *panel["targets"]):
        assert source["datasource"] == {"type": "prometheus", "uid": "${datasource}"}
    for target in panel["targets"]:
        assert 'instance=~"$instance"' in target["expr"]


@pytest.mark.parametrize("panel", SHOWING, ids=lambda panel: f"{panel['id']}-{panel['title']}")
def test_a_legend_names_only_labels_that_its_query_leaves(panel: dict[str, Any]) -> None:
    for target in panel["targets"]:
        named = set(re.findall(r"\{\{(\w+)\}\}", target["legendFormat"]))
        left = re.search(r"^\w+ by \(([^)]*)\)", target["expr"])
        assert named <= (set(re.split(r",\s*", left[1])) if left else {"instance"})


def test_the_variables_are_those_that_are_used() -> None:
    variables = {variable["name"]: variable for variable in DASHBOARD["templating"]["list"]}
    assert list(variables) == ["datasource", "role", "instance"]
    used = set(re.findall(r"\$\{?([a-z]+)", json.dumps(DASHBOARD)))
    assert used == set(variables)


def test_the_variables_ask_for_what_workers_serve(served: Served) -> None:
    for name in ("role", "instance"):
        (variable,) = [found for found in DASHBOARD["templating"]["list"] if found["name"] == name]
        asked = re.fullmatch(r"label_values\((.*), (\w+)\)", variable["query"]["query"])
        assert asked is not None
        assert not_served(f"count by ({asked[2]}) ({asked[1]})", served) == []
        assert variable["definition"] == variable["query"]["query"]
