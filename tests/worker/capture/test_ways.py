"""What is said of the way that records go, from what was seen of them."""

from __future__ import annotations

import pytest

from app.doctor.findings import Level
from app.doctor.way_checks import describe_ways
from app.worker.capture.ways import way_of
from models.partitioners import Partitioner, partition_of

USERS = [f"user-{number}".encode() for number in range(200)]


def seen(partitioner: Partitioner, partitions: int) -> list[tuple[bytes, int]]:
    return [(user, partition_of(partitioner, user, partitions)) for user in USERS]


ROUND_ROBIN = [(user, number % 12) for number, user in enumerate(USERS)]


@pytest.mark.parametrize(
    ("states", "events", "counts", "homes", "expected"),
    [
        pytest.param([], [], (12, 12), 12, [(Level.OK, "no events or states yet")], id="nothing yet"),
        *(
            pytest.param(
                seen(partitioner, 12),
                seen(partitioner, 12),
                (12, 12),
                12,
                [(Level.OK, partitioner.value), (Level.OK, "nothing has to be led home")],
                id=f"both {partitioner.value}",
            )
            for partitioner in Partitioner
        ),
        pytest.param(
            seen(Partitioner.CRC32, 12),
            seen(Partitioner.MURMUR2, 12),
            (12, 12),
            12,
            [
                (Level.OK, "nothing has to be led home"),
                (Level.NOTE, "partitioner murmur2, and users have their homes by consistent"),
            ],
            id="unlike partitioners",
        ),
        pytest.param(
            seen(Partitioner.MURMUR2, 12),
            seen(Partitioner.MURMUR2, 48),
            (12, 48),
            12,
            [
                (Level.OK, "nothing has to be led home"),
                (Level.NOTE, "48 partitions, and users have their homes in 12"),
            ],
            id="unlike counts",
        ),
        pytest.param(
            ROUND_ROBIN,
            seen(Partitioner.MURMUR2, 12),
            (12, 12),
            12,
            [(Level.NOTE, "no partitioner that is known"), (Level.OK, "murmur2 puts them")],
            id="states anywhere",
        ),
        pytest.param(
            [],
            seen(Partitioner.FNV1A, 12),
            (12, 12),
            12,
            [(Level.OK, ""), (Level.OK, "fnv1a")],
            id="no states",
        ),
    ],
)
def test_a_check_tells_what_is_led_home_and_why(
    states: list[tuple[bytes, int]],
    events: list[tuple[bytes, int]],
    counts: tuple[int, int],
    homes: int,
    expected: list[tuple[Level, str]],
) -> None:
    users = {"states": states, "events": events}
    found = list(describe_ways(users, dict(zip(users, counts, strict=True)), homes))
    assert [finding.level for finding in found] == [level for level, _ in expected]
    for finding, (_, words) in zip(found, expected, strict=True):
        assert words in finding.message


@pytest.mark.parametrize(
    ("partitions", "partitioner", "led", "words"),
    [
        (12, None, 0, "topic: nothing has to be led home; the first event or state will tell"),
        (
            12,
            Partitioner.CRC32,
            0,
            "nothing has to be led home; users are where the partitioner consistent puts",
        ),
        (12, Partitioner.CRC32, 917, "917 of 1,000 were led home through led; their users have their homes"),
        (48, Partitioner.CRC32, 917, "it has 48 partitions, and users have their homes in 12"),
    ],
)
def test_a_worker_tells_what_it_led_home_and_why(
    partitions: int, partitioner: Partitioner | None, led: int, words: str
) -> None:
    way = way_of("topic", "led", partitions=partitions, homes=12, partitioner=partitioner, read=1000, led=led)
    assert words in way.text
