"""The lifecycle rule by which a bucket itself removes old exports and unfinished uploads. Pure.

Other rules of the bucket are somebody's: they are kept as they are, and what cannot be kept is not touched.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self

#: A rule as the S3 protocol has it.
Rule = Mapping[str, Any]

RULE_ID = "chatlog-exports"
#: Longer than any upload takes: the largest file that S3 allows, at 50 MB/s.
UNFINISHED_DAYS = 2


@dataclass(frozen=True, slots=True)
class Lifecycle:
    """All the lifecycle rules of a bucket.

    Attributes:
        rules: in their order.
        others: settings beside the rules, which a writer must give back or lose.
    """

    rules: tuple[Rule, ...] = ()
    others: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def of(cls, answer: Mapping[str, Any]) -> Self | None:
        """Read storage's answer; None if it is that of storage that takes the question for another."""
        if "Rules" not in answer:
            return None
        others = {name: answer[name] for name in _OTHERS if name in answer}
        return cls(tuple(answer["Rules"]), others)

    @property
    def is_understood(self) -> bool:
        """Whether every rule has what the protocol demands: GCS has the question, but rules of its own."""
        return all(rule.get("Status") in {"Enabled", "Disabled"} for rule in self.rules)

    def expires_after(self, prefix: str) -> int | None:
        """Return after how many days objects below `prefix` are removed; None for never."""
        days = [
            rule["Expiration"]["Days"]
            for rule in self._rules_for(prefix)
            if "Days" in rule.get("Expiration", {})
        ]
        return min(days, default=None)

    def aborts_unfinished(self, prefix: str) -> bool:
        """Tell whether unfinished uploads below `prefix` are removed."""
        return any("AbortIncompleteMultipartUpload" in rule for rule in self._rules_for(prefix))

    def with_rule(self, prefix: str, keep_days: int) -> Self:
        """Return these rules with ours: added, or in place of an earlier one of ours."""
        ours: Rule = {
            "ID": RULE_ID,
            "Status": "Enabled",
            "Filter": {"Prefix": prefix},
            "Expiration": {"Days": keep_days},
            # Where the bucket keeps versions, what was removed would stay for ever.
            "NoncurrentVersionExpiration": {"NoncurrentDays": 1},
            "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": UNFINISHED_DAYS},
        }
        kept = tuple(rule for rule in self.rules if rule.get("ID") != RULE_ID)
        return type(self)((*kept, ours), self.others)

    def parameters(self) -> dict[str, Any]:
        """Return what `put_bucket_lifecycle_configuration` takes."""
        return {"LifecycleConfiguration": {"Rules": list(self.rules)}, **self.others}

    def _rules_for(self, prefix: str) -> list[Rule]:
        """Return the rules in force for everything below `prefix`, whatever its size and tags."""
        return [rule for rule in self.rules if rule["Status"] == "Enabled" and _covers(rule, prefix)]


_OTHERS = ("TransitionDefaultMinimumObjectSize",)


def _covers(rule: Rule, prefix: str) -> bool:
    chosen = rule.get("Filter", {})
    # Rules from before 2016 have the prefix beside the filter's place.
    of_rule = chosen.get("Prefix", rule.get("Prefix", ""))
    return set(chosen) <= {"Prefix"} and prefix.startswith(of_rule)
