"""Keys are put where the producers that there are put them, librdkafka's own beside ours; and told by it."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

import pytest
from aiokafka.partitioner import murmur2
from hypothesis import given
from hypothesis import strategies as st

from models.partitioners import Partitioner, fitting, partition_of
from tests import librdkafka
from tests.librdkafka import Produced
from tests.sinks.kafka.topics import make_topic

if TYPE_CHECKING:
    from collections.abc import Iterable

#: More partitions than any hash has values, so that the partition is the hash.
ALL = 1 << 32

#: The lowest of the signed numbers, which has no positive one: the seam of FNV-1a as Sarama takes it.
LOWEST = b"02aM_6"

USERS = [f"{number:016d}".encode() for number in range(2_000_000_000, 2_000_000_400)]


# What Java's client says, and Go's hash/fnv with Sarama's signs.
@pytest.mark.parametrize(
    ("key", "murmur", "fnv"),
    [
        (b"", 0x106E08D9, 0x7EE3623B),
        (b"4", 0x5A4B5CA1, 0x310CA263),
        (b"34", 0x873930DA, 0x740FA83E),
        (b"234", 0xE7C009CA, 0x2DEA3CD2),
        (b"1234", 0x9FC97B14, 0x023BDD03),
        (b"kafka", 0xD067CF64, 0x0D33C4E1),
        (b"giberish123456789", 0x8F552B0C, 0x77A58295),
        (b"PreAmbleWillBeRemoved,ThePrePartThatIs", 0x78424F1C, 0x65CBD69C),
    ],
)
def test_known_hashes(key: bytes, murmur: int, fnv: int) -> None:
    assert partition_of(Partitioner.MURMUR2, key, ALL) == murmur & 0x7FFFFFFF
    assert partition_of(Partitioner.FNV1A, key, ALL) == fnv


def test_the_check_value_of_crc32() -> None:
    assert partition_of(Partitioner.CRC32, b"123456789", ALL) == 0xCBF43926


def test_the_lowest_number_has_no_sign_either() -> None:
    assert partition_of(Partitioner.FNV1A, LOWEST, ALL) == 1 << 31


@given(st.binary(max_size=70), st.integers(1, 200))
def test_murmur2_is_that_of_faust(key: bytes, partitions: int) -> None:
    assert partition_of(Partitioner.MURMUR2, key, partitions) == (murmur2(key) & 0x7FFFFFFF) % partitions


@pytest.mark.parametrize("partitions", [7, 12, 48])
async def test_librdkafka_puts_keys_where_we_say(kafka: str, kafka_prefix: str, partitions: int) -> None:
    topic = f"{kafka_prefix}-keys"
    await make_topic(kafka, topic, partitions)
    chance = random.Random(partitions)
    keys = [chance.randbytes(length) for length in range(1, 65) for _ in range(5)]
    keys += [*USERS[:50], "naïve 🦊 مرحبا".encode(), LOWEST]

    for name in librdkafka.PARTITIONERS:
        # With an empty key, some of the twins put the record anywhere.
        named = keys if name.endswith("_random") else [b"", *keys]
        places = await librdkafka.produce(
            kafka, topic, [Produced(key, b"") for key in named], partitioner=name
        )
        found = [place.partition for place in places]
        ours = Partitioner(name.removesuffix("_random"))
        assert found == [partition_of(ours, key, partitions) for key in named], name
        assert fitting(zip(named, found, strict=True), partitions) == ours


@pytest.mark.parametrize("partitioner", list(Partitioner))
@pytest.mark.parametrize("partitions", [2, 3, 12, 48])
def test_the_partitioner_is_told_from_where_keys_are(partitioner: Partitioner, partitions: int) -> None:
    assert fitting(placed(partitioner, USERS, partitions), partitions) == partitioner


def test_nothing_seen_tells_nothing() -> None:
    assert fitting([], 12) is None
    assert fitting([(b"", 3)], 12) is None


def test_keys_that_are_anywhere_have_no_partitioner() -> None:
    in_turn = [(key, number % 12) for number, key in enumerate(USERS)]
    assert fitting(in_turn, 12) is None


def test_a_few_keys_elsewhere_do_not_matter_and_more_do() -> None:
    here = placed(Partitioner.CRC32, USERS, 12)
    assert fitting(moved(here, 20), 12) == Partitioner.CRC32
    assert fitting(moved(here, 21), 12) is None


def test_one_busy_user_does_not_speak_for_all() -> None:
    busy = placed(Partitioner.FNV1A, USERS[:1], 12) * 10_000
    assert fitting([*busy, *placed(Partitioner.CRC32, USERS, 12)], 12) == Partitioner.CRC32


def test_a_change_of_the_partitioner_leaves_none() -> None:
    seen = placed(Partitioner.CRC32, USERS[:200], 12) + placed(Partitioner.MURMUR2, USERS[200:], 12)
    assert fitting(seen, 12) is None


def test_where_it_makes_no_difference_it_is_the_first() -> None:
    assert fitting([(key, 0) for key in USERS], 1) == Partitioner.MURMUR2


def test_a_key_beyond_the_partitions_fits_none() -> None:
    # The topic was given more partitions since they were counted.
    assert fitting([(key, 7) for key in USERS], 6) is None


def placed(partitioner: Partitioner, keys: Iterable[bytes], partitions: int) -> list[tuple[bytes, int]]:
    return [(key, partition_of(partitioner, key, partitions)) for key in keys]


def moved(seen: list[tuple[bytes, int]], number: int) -> list[tuple[bytes, int]]:
    return [
        (key, (partition + 1) % 12 if index < number else partition)
        for index, (key, partition) in enumerate(seen)
    ]
