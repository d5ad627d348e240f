"""The low-water mark: what may be committed, whatever the order of acknowledgements and the gaps."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.chunks import Chunk
from app.stream.progress import PartitionProgress, cut


def records(*offsets: int, size: int = 10) -> list[Any]:
    return [SimpleNamespace(offset=offset, key=b"", value=b"x" * size) for offset in offsets]


def chunk(*offsets: int) -> Chunk:
    return Chunk("t", 0, records(*offsets), 10 * len(offsets))


def test_nothing_is_committable_before_the_first_acknowledgement() -> None:
    progress = PartitionProgress()
    first, second = chunk(5, 6), chunk(7, 8)
    progress.hand_out(first)
    progress.hand_out(second)

    progress.acknowledge(second)

    # faust-streaming 0.15.3 commits 7 here, for a new group: `Consumer._new_offset`.
    assert progress.low_water == 5
    progress.acknowledge(first)
    assert progress.committable() == 9


def test_a_committed_mark_is_not_committed_again() -> None:
    progress = PartitionProgress(position=10, committed=10)
    assert progress.committable() is None
    only = chunk(11, 12)
    progress.hand_out(only)
    assert progress.committable() == 11
    progress.acknowledge(only)
    progress.committed = 13
    assert progress.committable() is None


def test_a_gap_of_ten_million_offsets_costs_nothing() -> None:
    progress = PartitionProgress(position=0, committed=0)
    before, after = chunk(1), chunk(10_000_001)
    progress.hand_out(before)
    progress.hand_out(after)
    progress.acknowledge(before)
    assert progress.committable() == 10_000_001
    progress.acknowledge(after)
    assert progress.committable() == 10_000_002


def test_an_acknowledgement_of_an_earlier_assignment_counts_for_nothing() -> None:
    old = chunk(0, 1)
    PartitionProgress().hand_out(old)
    now = PartitionProgress(position=0, committed=0)
    now.hand_out(chunk(0, 1))

    now.acknowledge(old)

    assert now.low_water == 0
    assert now.chunks_in_flight == 1


def test_markers_at_the_end_of_the_log_are_skipped_only_when_nothing_is_in_flight() -> None:
    progress = PartitionProgress(position=5, committed=5)
    held = chunk(5)
    progress.hand_out(held)
    progress.skip_to(8)
    assert progress.low_water == 5
    progress.acknowledge(held)
    progress.skip_to(8)
    assert progress.committable() == 8


def test_a_record_is_not_handed_out_twice() -> None:
    progress = PartitionProgress(position=5)
    with pytest.raises(ValueError, match="handed out before"):
        progress.hand_out(chunk(4, 5))


@given(
    gaps=st.lists(st.integers(1, 1000), min_size=1, max_size=60),
    sizes=st.lists(st.integers(1, 7), min_size=1, max_size=60),
    chance=st.randoms(use_true_random=False),
)
def test_nothing_below_the_mark_is_unacknowledged(gaps: list[int], sizes: list[int], chance: Any) -> None:
    offsets, offset = [], 0
    for gap in gaps:
        offset += gap
        offsets.append(offset)
    chunks, rest = [], list(offsets)
    for size in sizes:
        if rest:
            chunks.append(chunk(*rest[:size]))
            rest = rest[size:]
    progress = PartitionProgress(position=0, committed=0)
    for each in chunks:
        progress.hand_out(each)
    order = list(chunks)
    chance.shuffle(order)
    acknowledged: set[int] = set()
    for each in order:
        progress.acknowledge(each)
        acknowledged.update(record.offset for record in each)
        handed_out = [record.offset for c in chunks for record in c]
        unacknowledged = [o for o in handed_out if o not in acknowledged]
        mark = progress.low_water
        first_open = min((first_of(chunks, o) for o in unacknowledged), default=handed_out[-1] + 1)
        assert mark == first_open
    assert progress.in_flight_bytes == 0


def first_of(chunks: list[Chunk], offset: int) -> int:
    return next(c.first_offset for c in chunks if c.first_offset <= offset <= c.last_offset)


@given(
    sizes=st.lists(st.integers(0, 500), max_size=80),
    max_records=st.integers(1, 20),
    max_bytes=st.integers(1, 1000),
)
def test_cutting_loses_nothing_and_keeps_the_limits(
    sizes: list[int], max_records: int, max_bytes: int
) -> None:
    fetched = [SimpleNamespace(offset=i, key=b"", value=b"x" * size) for i, size in enumerate(sizes)]
    chunks = list(cut("t", 0, fetched, max_records, max_bytes))
    assert [record.offset for c in chunks for record in c] == list(range(len(sizes)))
    for each in chunks:
        assert len(each) <= max_records
        assert each.size_bytes == sum(len(record.value) for record in each)
        assert each.size_bytes <= max_bytes or len(each) == 1
