"""Halving: every good item is written once, every bad one is found, at the price of a logarithm."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.errors import BadRecord, Reason
from sinks.errors import ServiceDown
from sinks.splitting import write_or_split

if TYPE_CHECKING:
    from collections.abc import Sequence


class Table:
    """Refuses a batch that holds a bad item, whole, as a transaction would."""

    def __init__(self, bad: set[int]) -> None:
        self.bad = bad
        self.rows: list[int] = []
        self.writes = 0

    async def write(self, items: Sequence[int]) -> int:
        self.writes += 1
        if self.bad.intersection(items):
            raise BadRecord(Reason.REJECTED_BY_DATABASE, "refused")
        self.rows.extend(items)
        return len(items)


@given(size=st.integers(0, 200), bad=st.sets(st.integers(0, 199)))
async def test_every_item_is_written_once_or_refused(size: int, bad: set[int]) -> None:
    table = Table(bad)
    written, refused = await write_or_split(range(size), table.write)
    assert table.rows == [item for item in range(size) if item not in bad]
    assert written == len(table.rows)
    assert [item for item, _ in refused] == sorted(item for item in bad if item < size)


@given(size=st.integers(1, 2000), data=st.data())
async def test_one_bad_item_costs_about_two_writes_a_halving(size: int, data: st.DataObject) -> None:
    table = Table({data.draw(st.integers(0, size - 1))})
    await write_or_split(range(size), table.write)
    assert table.writes <= 2 * math.ceil(math.log2(size)) + 1


async def test_what_is_not_the_records_fault_passes_through() -> None:
    async def down(_: Sequence[int]) -> int:
        raise ServiceDown("PostgreSQL is away")

    with pytest.raises(ServiceDown):
        await write_or_split([1, 2, 3], down)
