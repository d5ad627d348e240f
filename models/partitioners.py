"""Where the producers that there are put a key: the partitioners of Kafka's clients, each as it reckons.

A user's records are all in one partition of a topic, but two topics agree on which only if their producers
use one partitioner, and if they have equally many. Clients differ in what they use unless told otherwise: the
Java client and Faust murmur2, librdkafka and what is built on it CRC32, Sarama FNV-1a. Which one a topic's
producers use is written nowhere; `fitting` tells it from keys and where they were found.

Records without a key are in no partition for a reason, and nothing is said of them here.
"""

from collections.abc import Callable, Iterable
from enum import StrEnum
from functools import cache
from struct import Struct
from zlib import crc32

#: How many of a hundred keys a partitioner has to account for. The rest may have been put elsewhere by hand,
#: by another producer, or before a topic had as many partitions.
ENOUGH_PERCENT = 95

_MASK = 0xFFFF_FFFF


class Partitioner(StrEnum):
    """A way to choose the partition of a key; the values are the names of librdkafka's setting.

    Each has a twin there, called `…_random`, that does the same except with records without a key.
    """

    #: The Java client, Kafka Connect, Streams and Faust; `murmur2_random` of librdkafka.
    MURMUR2 = "murmur2"
    #: librdkafka's default, `consistent_random`.
    CRC32 = "consistent"
    #: Sarama's default.
    FNV1A = "fnv1a"


def partition_of(partitioner: Partitioner, key: bytes, partitions: int) -> int:
    """Return the partition that a producer with this partitioner puts the key into."""
    return _HASHES[partitioner](key) % partitions


def fitting(seen: Iterable[tuple[bytes, int]], partitions: int) -> Partitioner | None:
    """Return the partitioner by which keys are where they were seen.

    The one that accounts for most of them, if that is nearly all (`ENOUGH_PERCENT`). If several account for
    as many, as with one partition, the first: it makes no difference to the keys that were seen. Each pair
    counts once, so that one busy user does not speak for all. An empty key tells nothing: some producers take
    it for none.

    Args:
        seen: keys, and the partition that each was in.
        partitions: how many the topic has.

    Returns:
        None where none accounts for them, and where no keys were seen.
    """
    return next(iter(all_fitting(seen, partitions)), None)


def all_fitting(seen: Iterable[tuple[bytes, int]], partitions: int) -> list[Partitioner]:
    """Return every partitioner by which nearly all keys are where they were seen, the best first.

    Of few keys there may be several, by chance: with two partitions, any two agree on half of the keys.
    """
    pairs = {(key, partition) for key, partition in seen if key}
    if not pairs:
        return []
    fits = {
        partitioner: sum(partition_of(partitioner, key, partitions) == partition for key, partition in pairs)
        for partitioner in Partitioner
    }
    enough = [partitioner for partitioner in fits if fits[partitioner] * 100 >= len(pairs) * ENOUGH_PERCENT]
    return sorted(enough, key=fits.__getitem__, reverse=True)


def _murmur2(key: bytes) -> int:
    """MurmurHash2 with Kafka's seed, without its sign."""
    length = len(key)
    words = length >> 2
    hashed = 0x9747B28C ^ length
    for word in _little_endian_words(words).unpack_from(key):
        mixed = word * 0x5BD1E995 & _MASK
        mixed = (mixed ^ mixed >> 24) * 0x5BD1E995
        hashed = (hashed * 0x5BD1E995 ^ mixed) & _MASK
    if rest := key[words << 2 :]:
        hashed = (hashed ^ int.from_bytes(rest, "little")) * 0x5BD1E995 & _MASK
    hashed = (hashed ^ hashed >> 13) * 0x5BD1E995 & _MASK
    return (hashed ^ hashed >> 15) & 0x7FFF_FFFF


@cache
def _little_endian_words(number: int) -> Struct:
    return Struct(f"<{number}I")


def _fnv1a(key: bytes) -> int:
    """FNV-1a as Sarama takes it, and librdkafka after it: as a signed number, without its sign."""
    hashed = 0x811C9DC5
    for byte in key:
        hashed = (hashed ^ byte) * 0x01000193 & _MASK
    return hashed if hashed < 1 << 31 else (1 << 32) - hashed


_HASHES: dict[Partitioner, Callable[[bytes], int]] = {
    Partitioner.MURMUR2: _murmur2,
    Partitioner.CRC32: crc32,
    Partitioner.FNV1A: _fnv1a,
}
