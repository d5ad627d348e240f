"""By which partitioner users have their homes: as the first records tell, but not if that may be chance."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import pytest

from agents.capture.homes import Homes
from app.worker.capture import homes as capture_homes
from app.worker.capture.homes import FALLBACK, FEW, LikelyPartitioner, PartitionerChoice, found_in
from models.partitioners import Partitioner, partition_of
from sinks.retry import RetryPolicy

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from app.stream.table import StateTable

USERS = [f"user-{number}".encode() for number in range(200)]


def seen(partitioner: Partitioner, users: list[bytes], partitions: int = 12) -> list[tuple[bytes, int]]:
    return [(user, partition_of(partitioner, user, partitions)) for user in users]


#: One that CRC32 puts where murmur2 would, and one that it does not.
BY_CHANCE = next(
    user for user in USERS if seen(Partitioner.CRC32, [user]) == seen(Partitioner.MURMUR2, [user])
)
TELLING = next(user for user in USERS if found_in(seen(Partitioner.CRC32, [user]), 12).is_open is False)


@pytest.mark.parametrize(
    ("users", "partitions", "expected"),
    [
        pytest.param(
            seen(Partitioner.CRC32, [TELLING]),
            12,
            LikelyPartitioner(Partitioner.CRC32, False),
            id="one tells",
        ),
        pytest.param(
            seen(Partitioner.CRC32, [BY_CHANCE]),
            12,
            LikelyPartitioner(Partitioner.MURMUR2, True),
            id="by chance",
        ),
        pytest.param(
            seen(Partitioner.CRC32, [BY_CHANCE, TELLING]),
            12,
            LikelyPartitioner(Partitioner.CRC32, False),
            id="the next tells",
        ),
        pytest.param([(TELLING, 99)], 12, LikelyPartitioner(FALLBACK, True), id="one astray"),
        pytest.param(
            [(user, 99) for user in USERS[:FEW]], 12, LikelyPartitioner(FALLBACK, False), id="many astray"
        ),
        pytest.param([(BY_CHANCE, 0)], 1, LikelyPartitioner(Partitioner.MURMUR2, False), id="one partition"),
        pytest.param([], 12, LikelyPartitioner(FALLBACK, True), id="records of nobody"),
    ],
)
def test_few_users_leave_it_open_if_chance_could_have_put_them_there(
    users: list[tuple[bytes, int]], partitions: int, expected: LikelyPartitioner
) -> None:
    assert found_in(users, partitions) == expected


class Table:
    """What is kept of the choice."""

    def __init__(self) -> None:
        self.rows: dict[bytes, bytes] = {}

    def reader(self, _: int) -> Callable[[bytes], bytes | None]:
        return self.rows.get

    async def write(self, _: int, changes: Mapping[bytes, bytes]) -> None:
        self.rows |= changes


class Look:
    """Finds what is next, and the last again and again."""

    def __init__(self, *found: LikelyPartitioner | None) -> None:
        self.found = list(found)

    async def __call__(self) -> LikelyPartitioner | None:
        return self.found.pop(0) if len(self.found) > 1 else self.found[0]


async def choose(look: Look, table: Table, times: int) -> Partitioner | None:
    homes = Homes(12)
    choice = PartitionerChoice(look, cast("StateTable", table), homes, RetryPolicy("test"))
    for _ in range(times):
        await choice.make(is_still_ours=lambda: True)
    return homes.partitioner


async def test_the_first_records_do_not_decide_by_chance() -> None:
    look = Look(
        None,
        LikelyPartitioner(Partitioner.MURMUR2, is_open=True),
        LikelyPartitioner(Partitioner.CRC32, is_open=False),
    )

    assert await choose(look, table := Table(), times=2) is None
    assert not table.rows
    assert await choose(look, table, times=1) is Partitioner.CRC32
    # And it stays, whatever is found later.
    assert (
        await choose(Look(LikelyPartitioner(Partitioner.FNV1A, is_open=False)), table, times=1)
        is Partitioner.CRC32
    )


async def test_what_stays_open_is_waited_for_no_longer_than_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(capture_homes, "OPEN_FOR_S", 0)

    assert await choose(Look(LikelyPartitioner(FALLBACK, is_open=True)), Table(), times=1) is FALLBACK
