"""What a PromQL expression asks for, as Prometheus' own grammar reads it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import promql_parser

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

#: What Prometheus itself adds to every sample that it scrapes, and makes for every target.
TARGET_LABELS = frozenset({"instance", "job"})
MADE_BY_PROMETHEUS = frozenset({"up"})

#: Of each metric that is served, its sets of labels.
Served = dict[str, list[dict[str, str]]]


@dataclass(frozen=True, slots=True)
class Asked:
    """The metrics that an expression reads and the labels it demands, and by which it groups or joins."""

    metrics: Sequence[tuple[str, Mapping[str, str]]]
    labels: frozenset[str]


def read(expression: str) -> Asked:
    """Parse an expression, types of functions' arguments included.

    Raises:
        ValueError: Prometheus would refuse it.
    """
    metrics: list[tuple[str, Mapping[str, str]]] = []
    labels: set[str] = set()

    def look(node: Any) -> bool:
        if isinstance(node, promql_parser.VectorSelector):
            metrics.append(
                (node.name or "", {matcher.name: matcher.value for matcher in node.matchers.matchers})
            )
        elif isinstance(node, promql_parser.AggregateExpr) and node.modifier is not None:
            labels.update(node.modifier.labels)
        elif isinstance(node, promql_parser.BinaryExpr) and node.modifier and node.modifier.matching:
            labels.update(node.modifier.matching.labels)
        return True

    promql_parser.walk(promql_parser.parse(expression), pre_visit=look)
    return Asked(metrics, frozenset(labels))


def not_served(expression: str, served: Served) -> list[str]:
    """Return what an expression asks for that no worker serves."""
    asked = read(expression)
    missing = []
    known: set[str] = set(TARGET_LABELS)
    for metric, wanted in asked.metrics:
        if metric in MADE_BY_PROMETHEUS:
            continue
        if metric not in served:
            missing.append(metric)
            continue
        of_metric = {name for labels in served[metric] for name in labels}
        known |= of_metric
        missing += [f"{metric}{{{name}}}" for name in wanted if name not in of_metric | TARGET_LABELS]
    return missing + [f"by ({name})" for name in asked.labels if name not in known]
