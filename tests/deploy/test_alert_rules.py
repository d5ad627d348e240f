"""The alert rules: Prometheus takes them, workers serve what they ask for, and each tells what to do."""

from __future__ import annotations

import re

import pytest

from app.settings import Role
from tests.deploy.promql import Served, not_served, read
from tests.deploy.rule_files import DIRECTORY, Alert, alerts, load, rule_files

ALERTS = alerts()


def name_of(alert: Alert) -> str:
    return f"{alert.alert}-{alert.labels.role}" if alert.labels.role else alert.alert


@pytest.mark.parametrize("alert", ALERTS, ids=name_of)
def test_workers_serve_what_an_alert_asks_for(alert: Alert, served: Served) -> None:
    assert not_served(alert.expr, served) == []


@pytest.mark.parametrize("alert", ALERTS, ids=name_of)
def test_an_alert_names_only_labels_that_its_expression_leaves(alert: Alert) -> None:
    """Prometheus puts nothing in the place of a label that an aggregation has dropped."""
    texts = alert.annotations.model_dump().values()
    named = {label for text in texts for label in re.findall(r"\$labels\.(\w+)", text)}
    groups = read(alert.expr).labels
    aggregates = re.search(r"\b(sum|max|min)\b", alert.expr) is not None
    assert named <= (groups if aggregates else {"instance", "job"})


@pytest.mark.parametrize("alert", ALERTS, ids=name_of)
def test_the_templates_of_an_alert_are_closed_and_known(alert: Alert) -> None:
    for text in alert.annotations.model_dump().values():
        for template in re.findall(r"\{\{(.*?)\}\}", text):
            assert re.fullmatch(
                r" \$labels\.\w+ | \$value( \| humanize(Duration|1024|Percentage)?)? ", template
            ), text
        assert text.count("{{") == text.count("}}") == len(re.findall(r"\{\{.*?\}\}", text))


def test_no_alert_is_declared_twice() -> None:
    declared = [(alert.alert, *alert.labels.model_dump().items()) for alert in ALERTS]
    assert len(declared) == len(set(declared))
    groups = [group.name for file in rule_files().values() for group in file.groups]
    assert len(groups) == len(set(groups))


def test_an_alert_links_to_its_own_section() -> None:
    assert {alert.alert: alert.annotations.runbook for alert in ALERTS} == {
        alert.alert: f"docs/operations.md#{alert.alert.lower()}" for alert in ALERTS
    }


def test_a_role_without_a_worker_is_an_alert_for_each_role() -> None:
    absent = {alert.labels.role: alert.expr for alert in ALERTS if alert.alert == "ChatlogWorkerAbsent"}
    assert absent == {role.value: f'absent(chatlog_worker_info{{role="{role}"}})' for role in Role}


def test_the_example_configuration_loads_the_rules_and_names_the_job_that_they_look_for() -> None:
    example = load(DIRECTORY / "prometheus.yml")
    assert example["rule_files"] == ["rules/*.yml"]
    down = next(alert for alert in ALERTS if alert.alert == "ChatlogWorkerDown")
    ((_, wanted),) = read(down.expr).metrics
    for scrape in example["scrape_configs"]:
        assert re.fullmatch(wanted["job"], scrape["job_name"])
        assert "credentials_file" in scrape["authorization"]


def test_the_example_configuration_scrapes_a_worker_of_each_role() -> None:
    """Else the alert on a role without a worker always fires, and those on its figures never."""
    scraped = {
        target.partition(":")[0]
        for scrape in load(DIRECTORY / "prometheus.yml")["scrape_configs"]
        for config in scrape["static_configs"]
        for target in config["targets"]
    }
    assert {f"{role}-1" for role in Role} <= scraped


@pytest.mark.parametrize(
    ("expression", "missing"),
    [
        ("max by (topic) (chatlog_lag_seconds)", []),
        ("chatlog_no_such_thing > 1", ["chatlog_no_such_thing"]),
        ('chatlog_lag_seconds{shard="1"}', ["chatlog_lag_seconds{shard}"]),
        ("sum by (shard) (chatlog_lag_seconds)", ["by (shard)"]),
        ("rate(chatlog_nothing_total[5m]) > 0", ["chatlog_nothing_total"]),
    ],
)
def test_what_is_not_served_is_found(expression: str, missing: list[str], served: Served) -> None:
    assert not_served(expression, served) == missing


@pytest.mark.parametrize("expression", ["rate(chatlog_rows_total)", "max by topic (x)", "nothing_known(x)"])
def test_what_prometheus_would_refuse_is_refused(expression: str) -> None:
    with pytest.raises(ValueError, match=r"\S"):
        read(expression)
