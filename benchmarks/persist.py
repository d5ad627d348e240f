"""Entries in Kafka → rows in PostgreSQL: our worker, the idiom of the guides, plain loops, and COPY.

Every contender reads the same topic from its start, as a new group, into an empty table.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from app.kafka.topics import groups_of
from app.settings import Role
from benchmarks.clocks import committed_rows, until_done
from benchmarks.measuring import median_per_s, run_of
from benchmarks.processes import DidNotFinish, baseline, worker
from benchmarks.rounds import in_turn

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from contextlib import AbstractAsyncContextManager

    from app.settings import Settings
    from benchmarks.backlog import Backlog
    from benchmarks.measuring import Run
    from benchmarks.plan import Size
    from benchmarks.processes import Contender
    from benchmarks.services import Services

PART = "persist"
OURS, FAUST, COPY, COPY_MORE = "chatlog", "faust idiom", "copy 1000", "copy 5000"
#: Plain loops with so many connections; after the first round only the fastest goes on.
PLAIN = ("plain 1", "plain 2", "plain 4")
#: The slowest contender that was ever seen here wrote 4,000 rows a second.
_SLOWEST_PER_S = 1_500
_STARTS_WITHIN_S = 60


@dataclass(frozen=True, slots=True)
class _Entrant:
    name: str
    module: str | None
    argument: int | None = None

    def started(self, settings: Settings, services: Services) -> AbstractAsyncContextManager[Contender]:
        if self.module is None:
            return worker(Role.PERSIST, settings, services.directory)
        arguments = [] if self.argument is None else [self.argument]
        return baseline(self.module, arguments, settings, services.directory)


_ENTRANTS = (
    _Entrant(OURS, None),
    _Entrant(FAUST, "persist_faust"),
    *(_Entrant(name, "persist_plain", int(name.split()[1])) for name in PLAIN),
    _Entrant(COPY, "persist_copy", 1_000),
    _Entrant(COPY_MORE, "persist_copy", 5_000),
)


async def compare(services: Services, backlog: Backlog, size: Size, note: Callable[[Run], None]) -> None:
    """Run every contender once a round, in an order that turns with the round.

    Args:
        services: with the backlog.
        backlog: of entries.
        size: how often, and whether also those that no goal is about.
        note: told of each run.
    """
    left_out = set() if size.every_contender else {PLAIN[0], COPY_MORE}
    runs: list[Run] = []
    for number in range(size.rounds):
        for entrant in in_turn([one for one in _ENTRANTS if one.name not in left_out], number):
            run = await _run(services, backlog, entrant, number)
            runs.append(run)
            note(run)
        left_out |= set(PLAIN) - {best_plain(runs)}


def best_plain(runs: Sequence[Run]) -> str:
    """Return the plain loop that was fastest in the first round, and so went on."""

    def went_on_and_fast(name: str) -> tuple[int, float]:
        return sum(run.contender == name for run in runs), median_per_s(runs, PART, name)

    return max(PLAIN, key=went_on_and_fast)


async def _run(services: Services, backlog: Backlog, entrant: _Entrant, number: int) -> Run:
    name = f"{PART}-{entrant.name.replace(' ', '-')}-{number}"
    settings = await services.fresh(name, vlab_chat_log_topic=backlog.entries)
    async with entrant.started(settings, services) as contender:
        timeout_s = backlog.messages / _SLOWEST_PER_S + _STARTS_WITHIN_S
        await until_done(
            services, groups_of(settings.topology).persist, [backlog.entries], [contender], timeout_s
        )
    rows = await committed_rows(services)
    if rows.total != backlog.messages:
        raise DidNotFinish(f"{entrant.name} wrote {rows.total:,} rows of {backlog.messages:,} entries")
    return run_of(PART, entrant.name, rows, [contender], number)
