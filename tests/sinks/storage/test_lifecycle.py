"""Lifecycle rules: which of them remove our files, and that those of others stay."""

from __future__ import annotations

from typing import Any

import pytest

from sinks.storage.lifecycle import RULE_ID, Lifecycle

PREFIX = "exports/"
OF_OTHERS: dict[str, Any] = {
    "ID": "logs",
    "Status": "Enabled",
    "Filter": {"And": {"Prefix": "logs/", "Tags": [{"Key": "a", "Value": "b"}]}},
    "Transitions": [{"Days": 30, "StorageClass": "GLACIER"}],
}


def rule(**fields: Any) -> Lifecycle:
    return Lifecycle(({"Status": "Enabled", "Expiration": {"Days": 3}, **fields},))


def test_our_rule_is_added_behind_those_of_others() -> None:
    found = Lifecycle((OF_OTHERS,), {"TransitionDefaultMinimumObjectSize": "varies_by_storage_class"})

    written = found.with_rule(PREFIX, 3).parameters()

    assert written["LifecycleConfiguration"]["Rules"][0] == OF_OTHERS
    assert written["LifecycleConfiguration"]["Rules"][1]["ID"] == RULE_ID
    assert written["TransitionDefaultMinimumObjectSize"] == "varies_by_storage_class"


def test_our_rule_takes_the_place_of_an_earlier_one_of_ours() -> None:
    again = Lifecycle((OF_OTHERS,)).with_rule(PREFIX, 7).with_rule(PREFIX, 3)

    assert len(again.rules) == 2
    assert again.expires_after(PREFIX) == 3
    assert again.aborts_unfinished(PREFIX)


@pytest.mark.parametrize(
    ("fields", "days"),
    [
        ({"Filter": {"Prefix": "exports/"}}, 3),
        ({"Prefix": "exports/"}, 3),
        ({"Filter": {}}, 3),
        ({"Filter": {"Prefix": ""}}, 3),
        ({"Filter": {"Prefix": "exp"}}, 3),
        ({"Filter": {"Prefix": "exports/some"}}, None),
        ({"Filter": {"Prefix": "other/"}}, None),
        ({"Filter": {"Tag": {"Key": "a", "Value": "b"}}}, None),
        ({"Filter": {"ObjectSizeGreaterThan": 5}}, None),
        ({"Filter": {"And": {"Prefix": "exports/", "Tags": []}}}, None),
        ({"Filter": {"Prefix": "exports/"}, "Status": "Disabled"}, None),
        ({"Filter": {"Prefix": "exports/"}, "Expiration": {"ExpiredObjectDeleteMarker": True}}, None),
    ],
)
def test_a_rule_counts_when_it_is_for_all_our_files(fields: dict[str, Any], days: int | None) -> None:
    assert rule(**fields).expires_after(PREFIX) == days


def test_of_two_rules_the_sooner_counts() -> None:
    both = Lifecycle((*rule(Filter={}).rules, *Lifecycle().with_rule(PREFIX, 9).rules))
    assert both.expires_after(PREFIX) == 3


def test_rules_in_another_storages_words_are_not_understood() -> None:
    assert Lifecycle((OF_OTHERS,)).is_understood
    assert not Lifecycle(({},)).is_understood


def test_an_answer_to_another_question_is_none() -> None:
    assert Lifecycle.of({"ResponseMetadata": {}}) is None
    assert Lifecycle.of({"Rules": [OF_OTHERS]}) == Lifecycle((OF_OTHERS,))
