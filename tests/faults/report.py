"""The report of the fault suite: per fault, messages, how many lost, doubled, wrong, and the recovery.

`fault_report` is the fixture that fills it; what it noted is written to build/faults.json at the end of the
session, and `python -m tests.faults.report` prints that as a table. Counting is the ledger's matter.
"""

from __future__ import annotations

import json
import sys
import time
from contextlib import AbstractContextManager, contextmanager
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, TypeAlias

from rich.console import Console
from rich.table import Table

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

REPORT = Path(__file__).parents[2] / "build" / "faults.json"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one fault.

    Attributes:
        test: the test that made it, as pytest names it.
        fault: what was done.
        messages: how many were sent.
        lost: how many were lost when the ledger was last looked at.
        doubled: the same of those that are there twice, or that nobody sent.
        wrong: the same of rows that say something else than they should.
        recovery_s: from the end of the fault until all was in order; None if it never was.
        failed: whether the test failed, for whatever reason.
    """

    test: str
    fault: str
    messages: int
    lost: int
    doubled: int
    wrong: int
    recovery_s: float | None
    failed: bool


class Fault:
    """A fault that a test makes."""

    def __init__(self) -> None:
        self.over_at: float | None = None

    def over(self) -> None:
        """Note that the fault has ended. Of one that does not end, it is the last message that counts."""
        self.over_at = time.monotonic()


class SomeAccount(Protocol):
    """What became of the messages of a ledger."""

    @property
    def lost_count(self) -> int: ...
    @property
    def doubled_count(self) -> int: ...
    @property
    def wrong_count(self) -> int: ...


class SomeLedger(Protocol):
    """What a fault's messages are noted in: `tests.faults.ledger`, or `tests.faults.rooms.ledger`."""

    @property
    def account_at_last(self) -> SomeAccount | None: ...
    @property
    def produced_at(self) -> float: ...
    @property
    def settled_at(self) -> float | None: ...
    def messages(self) -> int: ...


FaultReport: TypeAlias = "Callable[[str, SomeLedger], AbstractContextManager[Fault]]"


@dataclass
class Report:
    """The outcomes of a session."""

    outcomes: list[Outcome] = field(default_factory=list)

    def of(self, test: str) -> FaultReport:
        """Return what a test calls with its fault and its ledger."""

        @contextmanager
        def fault_report(what: str, ledger: SomeLedger) -> Iterator[Fault]:
            fault = Fault()
            try:
                yield fault
            finally:
                self.outcomes.append(_outcome(test, what, ledger, fault))

        return fault_report

    def note_failure(self, test: str) -> None:
        """Note that a test failed, even if its messages are all in order."""
        if all(outcome.test != test for outcome in self.outcomes):
            self.outcomes.append(Outcome(test, test.partition("::")[2], 0, 0, 0, 0, None, failed=True))
        self.outcomes = [
            replace(outcome, failed=True) if outcome.test == test else outcome for outcome in self.outcomes
        ]

    def write(self, path: Path = REPORT) -> None:
        """Write the outcomes, in place of those of the session before."""
        path.parent.mkdir(exist_ok=True)
        path.write_text(json.dumps([asdict(outcome) for outcome in self.outcomes], indent=1) + "\n", "utf-8")


def read(path: Path = REPORT) -> list[Outcome]:
    """Return the outcomes that the last session wrote."""
    return [Outcome(**outcome) for outcome in json.loads(path.read_text("utf-8"))]


def show(outcomes: Sequence[Outcome], console: Console) -> bool:
    """Print the table and the sum; tell whether all is well."""
    table = Table("fault")
    for name in ("messages", "lost", "doubled", "wrong", "recovery s"):
        table.add_column(name, justify="right")
    table.add_column()
    for outcome in outcomes:
        recovery = "-" if outcome.recovery_s is None else f"{outcome.recovery_s:.1f}"
        figures = (outcome.messages, outcome.lost, outcome.doubled, outcome.wrong, recovery)
        table.add_row(outcome.fault, *map(str, figures), "FAILED" if outcome.failed else "")
    console.print(table)
    messages, lost, doubled, wrong = (
        sum(getattr(outcome, name) for outcome in outcomes)
        for name in ("messages", "lost", "doubled", "wrong")
    )
    console.print(
        f"faults {len(outcomes)}, messages {messages}, lost {lost}, doubled {doubled}, wrong {wrong}"
    )
    return not (lost or doubled or wrong or any(outcome.failed for outcome in outcomes))


def _outcome(test: str, what: str, ledger: SomeLedger, fault: Fault) -> Outcome:
    account = ledger.account_at_last
    recovery_s = None
    if ledger.settled_at is not None:
        over_at = ledger.produced_at if fault.over_at is None else fault.over_at
        recovery_s = round(max(0.0, ledger.settled_at - over_at), 1)
    return Outcome(
        test,
        what,
        ledger.messages(),
        account.lost_count if account else 0,
        account.doubled_count if account else 0,
        account.wrong_count if account else 0,
        recovery_s,
        # A test that never asked what became of its messages proves nothing.
        failed=recovery_s is None,
    )


def main() -> int:
    """Print the report of the last session; 1 when a message was lost or doubled, or a test failed."""
    if not REPORT.exists():
        sys.stderr.write(f"{REPORT} is not there: run `make test-faults` first\n")
        return 1
    # Wide enough for a line a fault where no terminal says how wide it is, as in CI.
    console = Console(width=None if sys.stdout.isatty() else 140, highlight=False)
    return 0 if show(read(), console) else 1


if __name__ == "__main__":
    sys.exit(main())
