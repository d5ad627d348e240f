"""What a soak found, as a table and a line, and whether that is good enough."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from rich.table import Table

from tests.soak.crew import ROLES

if TYPE_CHECKING:
    from rich.console import Console

    from tests.faults.ledger import Account
    from tests.soak.last_words import LastWords
    from tests.soak.watching import Peaks

MEGABYTE = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault that was made.

    Attributes:
        at_s: when it began, in seconds since the soak did.
        what: what was done.
        recovery_s: from its mending until what was in Kafka then had become rows; None if it never had.
        problem: what was not as it should be, besides.
    """

    at_s: float
    what: str
    recovery_s: float | None
    problem: str = ""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a soak found.

    Attributes:
        seed: makes the same faults again.
        faults: those that were made.
        account: what became of the messages.
        settled_in_s: how long the last of them took, once nothing was broken any more.
        wrongly_joined: rows that have another state than the one before the message.
        ended_by_themselves: what workers said last that ended although no fault ended them.
        peaks: the most that was seen of memory and lag.
    """

    seed: int
    faults: tuple[Fault, ...]
    account: Account
    settled_in_s: float
    wrongly_joined: int
    ended_by_themselves: tuple[LastWords, ...]
    peaks: Peaks

    @property
    def good(self) -> bool:
        """Whether nothing was lost, doubled, wrong or taken back, and every fault was recovered from.

        What a soak breaks, it mends, so no worker has a reason to end by itself.
        """
        recovered = all(fault.recovery_s is not None and not fault.problem for fault in self.faults)
        onward = not any(self.peaks.gone_back.values())
        lasted = not self.ended_by_themselves
        return self.account.settled and not self.wrongly_joined and recovered and onward and lasted

    def show(self, console: Console) -> bool:
        """Print it; return whether it is good."""
        table = Table("at s", "fault", "recovery s", "")
        for fault in self.faults:
            recovery = "never" if fault.recovery_s is None else f"{fault.recovery_s:.1f}"
            table.add_row(f"{fault.at_s:.0f}", fault.what, recovery, fault.problem)
        console.print(table)
        for role in ROLES:
            memory = self.peaks.memory_bytes[role] / MEGABYTE
            console.print(
                f"{role}: peak {memory:.0f} MB a worker, peak lag {self.peaks.lag[role]} messages, "
                f"committed offsets went back by {self.peaks.gone_back[role]} at most"
            )
        ended = ", ".join(f"{words.worker} with {words.status}" for words in self.ended_by_themselves)
        console.print(f"ended by themselves, and started again: {ended or 'none'}")
        if not self.account.settled:
            console.print(str(self.account))
        console.print(
            f"seed {self.seed}, faults {len(self.faults)}, messages {self.account.messages}, "
            f"lost {self.account.lost_count}, doubled {self.account.doubled_count}, "
            f"wrongly joined {self.wrongly_joined}, settled in {self.settled_in_s:.1f} s"
        )
        for words in self.ended_by_themselves:
            console.print(f"\n{words.worker} ended with {words.status}, and said last:")
            for line in words.lines:
                console.print(f"  {line}", markup=False, soft_wrap=True)
        return self.good
