"""The rule files as `promtool check rules` reads them: nothing unknown, missing or of another type."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

import promql_parser
import yaml
from pydantic import AfterValidator, BaseModel, ConfigDict, Field

DIRECTORY = Path(__file__).parents[2] / "deploy" / "prometheus"


def _check_expression(expression: str) -> str:
    promql_parser.parse(expression)
    return expression


def _check_duration(duration: str) -> str:
    promql_parser.parse_duration(duration)
    return duration


Expression = Annotated[str, AfterValidator(_check_expression)]
Duration = Annotated[str, AfterValidator(_check_duration)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, populate_by_name=True)


class Labels(_Strict):
    severity: Literal["info", "warning", "critical"]
    role: Literal["capture", "capture-platforms", "persist", "export"] | None = None


class Annotations(_Strict):
    summary: str = Field(max_length=100)
    description: str = Field(min_length=20)
    runbook: str = Field(pattern=r"^docs/operations\.md#[a-z]+$")


class Alert(_Strict):
    alert: str = Field(pattern=r"^Chatlog[A-Z][A-Za-z]+$")
    expr: Expression
    for_: Duration | None = Field(default=None, alias="for")
    labels: Labels
    annotations: Annotations


class Group(_Strict):
    name: str
    rules: list[Alert] = Field(min_length=1)


class RuleFile(_Strict):
    groups: list[Group] = Field(min_length=1)


class _NoDuplicates(yaml.SafeLoader):
    """PyYAML takes the last of two equal keys; Prometheus refuses the file."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        keys = [self.construct_object(key, deep=deep) for key, _ in node.value]
        if len(keys) > len(set(keys)):
            raise yaml.YAMLError(f"a key twice in {keys} {node.start_mark}")
        return super().construct_mapping(node, deep)


def load(path: Path) -> Any:
    """Read YAML strictly."""
    return yaml.load(path.read_text(), _NoDuplicates)


def rule_files() -> dict[str, RuleFile]:
    """Return every rule file by its name."""
    return {path.name: RuleFile.model_validate(load(path)) for path in sorted(DIRECTORY.glob("rules/*.yml"))}


def alerts() -> list[Alert]:
    """Return every alert of every file."""
    return [alert for file in rule_files().values() for group in file.groups for alert in group.rules]
