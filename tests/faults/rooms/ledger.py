"""The ledger of a stream: what was delivered, what the tables must hold, and what they hold.

As `tests.faults.ledger` does for Messenger, it compares keys and values and no counts, and breaks nothing.
"""

from __future__ import annotations

import time
from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from app.kafka.topics import groups_of, topics_of
from models.errors import Reason
from tests.faults.cluster import everything_is_committed
from tests.faults.ledger import NAMED, SETTLES_WITHIN_S, closing_connection, producing
from tests.faults.rooms import tables
from tests.faults.rooms.model import expected_of
from tests.services import eventually

if TYPE_CHECKING:
    from collections.abc import Iterable

    from app.settings import Settings
    from tests.faults.rooms.facts import Delivery
    from tests.faults.rooms.model import Table

#: Weights are kept in single precision.
_PRECISION = 1e-5


@dataclass(frozen=True, slots=True)
class RoomsAccount:
    """What became of a stream, with a line for each row that went wrong (the first `NAMED`).

    Attributes:
        messages: how many deliveries there were.
        lost_count: how many rows there should be and are not.
        doubled_count: how many there are that should not be.
        wrong_count: how many say something else than they should.
        faults: which.
    """

    messages: int
    lost_count: int
    doubled_count: int
    wrong_count: int
    faults: tuple[str, ...]

    @property
    def settled(self) -> bool:
        """Whether the tables hold what they must, and nothing else."""
        return not (self.lost_count or self.doubled_count or self.wrong_count)

    def __str__(self) -> str:
        return (
            f"of {self.messages} deliveries, {self.lost_count} rows are lost, {self.doubled_count} doubled, "
            f"{self.wrong_count} wrong:\n" + "\n".join(self.faults)
        )


class RoomsLedger:
    """What went into one system, and what must become of it.

    Attributes:
        account_at_last: the last account; None before the first.
        produced_at: `time.monotonic()` when the brokers had the last delivery.
        settled_at: `time.monotonic()` when `settle` found everything in order; None until then.
    """

    def __init__(self, system: Settings) -> None:
        self._system = system
        self._sent: list[Delivery] = []
        self._bad: dict[tuple[Any, ...], dict[str, Any]] = {}
        self.account_at_last: RoomsAccount | None = None
        self.produced_at = time.monotonic()
        self.settled_at: float | None = None

    async def produce(self, deliveries: Iterable[Delivery]) -> None:
        """Produce deliveries in their order, and note them when all in-sync replicas have them."""
        topics = topics_of(self._system.topology).platform_events
        async with producing(self._system) as producer:
            sent = [
                (
                    each,
                    await producer.send(
                        topics[each.platform].name,
                        each.value,
                        key=each.key.encode(),
                        timestamp_ms=each.came_ms,
                    ),
                )
                for each in deliveries
            ]
            for each, delivery in sent:
                where = await delivery
                self._sent.append(each)
                for fact in each.facts:
                    if isinstance(fact, Reason):
                        place = (where.topic, where.partition, where.offset)
                        self._bad[place] = {"reason": fact.value}
        self.produced_at = time.monotonic()

    def messages(self) -> int:
        """Return how many deliveries there were."""
        return len(self._sent)

    async def account(self) -> RoomsAccount:
        """Compare what the tables hold with what they must."""
        async with closing_connection(self._system) as connection, connection.transaction():
            versions, opt_outs = await tables.rules(connection)
            found = await tables.read(connection)
        expected = expected_of(self._sent, versions, opt_outs)
        must = {name: getattr(expected, name) for name in tables.COMPARED}
        # What waits for a message that never comes stays where it is; no row may say that it is applied.
        known = {key[0] for key in expected.message_versions}
        found["message_versions"] = {
            key: row
            for key, row in found["message_versions"].items()
            if key[0] in known or (row["content"] and not row["may_wait"])
        }
        faults: dict[str, list[str]] = defaultdict(list)
        for name in tables.COMPARED:
            _compare(name, must[name], found[name], faults)
        _compare("dead_letters", self._bad, found["dead_letters"], faults)
        lost, doubled, wrong = faults["lost"], faults["doubled"], faults["wrong"]
        self.account_at_last = RoomsAccount(
            self.messages(),
            len(lost),
            len(doubled),
            len(wrong),
            tuple(line for lines in (lost, doubled, wrong) for line in lines[:NAMED]),
        )
        return self.account_at_last

    async def settle(self, limit_s: float = SETTLES_WITHIN_S) -> RoomsAccount:
        """Wait until all is written and folded, and the tables hold what they must; return the account.

        Raises:
            AssertionError: they do not after `limit_s`.
        """
        try:
            await eventually(self._is_through, limit_s, "everything is read, written and folded")
            account = await eventually(self._account_in_order, limit_s / 3, "the tables are in order")
        except AssertionError as error:
            raise AssertionError(f"{error} -- {await self.account()}") from None
        self.settled_at = time.monotonic()
        return account

    async def is_through(self, system: Settings) -> bool:
        """Tell whether a system's groups have read everything, and all is folded."""
        topics, groups = topics_of(system.topology), groups_of(system.topology)
        for spec in topics.platform_events.values():
            await everything_is_committed(system, groups.capture_platforms, spec.name)
        for spec in topics.messages.values():
            await everything_is_committed(system, groups.persist, spec.name)
        async with closing_connection(system) as connection:
            left = await connection.fetchval(tables.UNFOLDED)
        assert left == 0, f"{left} deltas are not folded"
        return True

    async def _is_through(self) -> bool:
        return await self.is_through(self._system)

    async def _account_in_order(self) -> RoomsAccount:
        account = await self.account()
        assert account.settled, str(account)
        return account


def _compare(name: str, must: Table, found: Table, faults: dict[str, list[str]]) -> None:
    for key in must.keys() - found.keys():
        faults["lost"].append(f"{name} {key}: {must[key]}")
    for key in found.keys() - must.keys():
        faults["doubled"].append(f"{name} {key}: {found[key]}")
    for key in must.keys() & found.keys():
        differ = [
            f"{column}: {found[key][column]!r}, not {value!r}"
            for column, value in must[key].items()
            if not _is_alike(value, found[key][column])
        ]
        if differ:
            faults["wrong"].append(f"{name} {key}: {'; '.join(differ)}")


def _is_alike(must: object, found: object) -> bool:
    if isinstance(must, float) and isinstance(found, float):
        return abs(must - found) <= _PRECISION * abs(must)
    return must == found
