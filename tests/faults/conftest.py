"""A prepared system for each fault, workers that do not outlive it, and the report of what became of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.faults.fixtures import system_on_own_kafka, workers_on_own_kafka
from tests.faults.report import Report
from tests.systems import second_database_url, system, workers

if TYPE_CHECKING:
    from collections.abc import Generator

    from tests.faults.report import FaultReport

__all__ = ["second_database_url", "system", "system_on_own_kafka", "workers", "workers_on_own_kafka"]

_REPORT = pytest.StashKey[Report]()


@pytest.fixture
def fault_report(request: pytest.FixtureRequest) -> FaultReport:
    """Notes what became of a fault: `with fault_report("what happens", ledger) as fault: …`."""
    return _report_of(request.config).of(request.node.nodeid)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Note tests that fail for another reason than their messages, as what they claim is not proved."""
    outcome = yield
    if outcome.failed and "fault_report" in getattr(item, "fixturenames", ()):
        _report_of(item.config).note_failure(item.nodeid)
    return outcome


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Write the report, if there is anything to report; of tests side by side, none has seen all."""
    report = _report_of(session.config)
    if report.outcomes and not hasattr(session.config, "workerinput"):
        report.write()


def _report_of(config: pytest.Config) -> Report:
    return config.stash.setdefault(_REPORT, Report())
