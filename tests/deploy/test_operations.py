"""docs/operations.md: a section for every alert, links that lead somewhere, limits as the code has them."""

from __future__ import annotations

import importlib
import re
from pathlib import Path

from agents.chunks import CANCEL_S, RELEASE_GRACE_S
from agents.exports.attempt import Pace
from agents.exports.jobs import LET_GO_S
from app.postgres.probe import ANSWER_WITHIN_S
from app.settings import VARIABLES, Settings
from app.stream.consumer_thread import COMMIT_TIMEOUT_S
from app.worker.app import STOP_DEADLINE_S
from app.worker.watch.health import ASK_DATABASE_EVERY_S
from app.worker.watch.health_log import WORTH_A_LINE_S
from app.worker.watch.lag import LOOK_EVERY_S, LOOK_LIMIT_S, STALE_AFTER_S
from sinks.exports.log import LEASE_S
from sinks.postgres.batching import STOP_S
from tests.deploy.rule_files import alerts

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "operations.md").read_text()
HEADINGS = re.findall(r"^#+ (.+)$", PAGE, re.MULTILINE)
DEFAULTS = {
    variable: getattr(Settings.model_fields[area].default, field)
    for variable, (area, field) in VARIABLES.items()
}
#: From the moment in which partitions are to be given up until they are.
RELEASE_S = RELEASE_GRACE_S + CANCEL_S + max(STOP_S, LET_GO_S) + COMMIT_TIMEOUT_S


def anchor(heading: str) -> str:
    """As the places that show Markdown make it."""
    return re.sub(r"[^a-z0-9 -]", "", heading.lower()).replace(" ", "-")


def test_every_alert_has_its_section_and_every_such_section_its_alert() -> None:
    described = [heading for heading in HEADINGS if heading.startswith("Chatlog")]
    assert len(described) == len(set(described))
    assert set(described) == {alert.alert for alert in alerts()}


def test_every_runbook_leads_to_a_section() -> None:
    anchors = {anchor(heading) for heading in HEADINGS}
    assert {alert.annotations.runbook.rpartition("#")[2] for alert in alerts()} <= anchors


def test_every_link_leads_somewhere() -> None:
    anchors = {anchor(heading) for heading in HEADINGS}
    for target in re.findall(r"\]\(([^)]+)\)", PAGE):
        path, _, place = target.partition("#")
        assert not path or (ROOT / "docs" / path).exists(), target
        assert path or place in anchors, target


def test_every_setting_that_is_named_exists() -> None:
    named = set(re.findall(r"`([A-Z]+(?:_[A-Z]+)+)[`=]", PAGE))
    assert named
    assert named <= VARIABLES.keys()


def test_the_page_tells_the_limits_as_they_are() -> None:
    rows = re.findall(r"^\| [^|]* \| ([\d.]+) \| `([\w.]+)\.(\w+)` \|$", PAGE, re.MULTILINE)
    assert len(rows) == 6
    for told, module, name in rows:
        assert getattr(importlib.import_module(module), name) == float(told), name
    for name, told in re.findall(r"`([A-Z_]+)` \((\d+)\)", PAGE):
        assert DEFAULTS[name] == float(told), name


def test_a_stop_is_over_before_it_is_cut_off_and_that_before_anyone_kills() -> None:
    assert RELEASE_S < STOP_DEADLINE_S < 10


def test_a_lease_outlives_two_heartbeats_that_failed() -> None:
    pace = Pace()
    assert 3 * pace.heartbeat_s + pace.margin_s < LEASE_S
    assert LEASE_S <= 60


def test_a_worker_gives_up_its_partitions_before_the_group_goes_on_without_it() -> None:
    assert DEFAULTS["REBALANCE_TIMEOUT_S"] > RELEASE_S
    assert DEFAULTS["SESSION_TIMEOUT_S"] <= DEFAULTS["REBALANCE_TIMEOUT_S"]


def test_a_commit_that_fails_is_tried_again_before_its_partition_counts_as_stalled() -> None:
    assert 2 * (COMMIT_TIMEOUT_S + DEFAULTS["COMMIT_INTERVAL_S"]) < DEFAULTS["STALLED_AFTER_S"]


def test_what_is_looked_at_is_known_before_it_counts_as_old() -> None:
    assert LOOK_EVERY_S + LOOK_LIMIT_S <= STALE_AFTER_S < DEFAULTS["STALLED_AFTER_S"]
    assert ASK_DATABASE_EVERY_S + ANSWER_WITHIN_S < WORTH_A_LINE_S


def test_a_stalled_worker_is_restarted_before_a_person_is_woken() -> None:
    (stalled,) = [alert for alert in alerts() if alert.alert == "ChatlogPartitionStalled"]
    limit = re.search(r"> (\d+)$", stalled.expr)
    assert limit is not None
    assert 2 * DEFAULTS["STALLED_AFTER_S"] < float(limit[1])
