"""A word means one thing: no two classes of ours bear one name."""

from __future__ import annotations

from collections import defaultdict

from tests.our_classes import our_classes


def test_no_two_classes_bear_one_name() -> None:
    by_name: defaultdict[str, set[str]] = defaultdict(set)
    for kind in our_classes("app", "agents", "models", "sinks"):
        by_name[kind.__name__].add(kind.__module__)

    assert {name: modules for name, modules in by_name.items() if len(modules) > 1} == {}
