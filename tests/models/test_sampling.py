"""Sampling, as statistics: as many as the rate says, of everybody and at any time, and weights that add up.

Ids are made up once and for all, so that a test either holds or does not: bounds are those that chance keeps
to in 9,999 of 10,000 cases.
"""

from __future__ import annotations

import math
import random
import uuid
from functools import cache
from itertools import compress, pairwise
from typing import TYPE_CHECKING, NamedTuple

import pytest

from models.capturing import Capturing, SteadyTimes, capture
from models.channels import DatedRule, Rules
from models.ids import identity_of, lot_of, message_source
from models.messages import Message, MessageRole
from models.records import MessageRecord

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

MESSAGES = 50_000
BEGAN_MS = 1_790_000_000_000
RATES = (0.01, 0.1, 0.5)
#: How far from the mean a normal variable is in 1 of 10,000 cases, in standard deviations.
Z = 3.8906
#: What chi-square exceeds in 1 of 10,000 cases, by degrees of freedom.
CHI_SQUARE = {1: 15.14, 49: 94.60, 50: 95.97, 99: 160.06}
#: Of the 120 bits of an id, one is so far off in 1 of some 5,000 cases.
BITS = 128
Z_OF_ALL_BITS = 4.8


class Said(NamedTuple):
    """A message, as far as it matters here."""

    platform: str
    source_id: str
    user: int
    timestamp: int


def twitch_ids(chance: random.Random) -> list[str]:
    return [str(uuid.UUID(int=chance.getrandbits(128), version=4)) for _ in range(MESSAGES)]


def discord_ids(chance: random.Random) -> list[str]:
    """Return snowflakes as a busy worker gives them out: in sequence, with a counter in their last bits."""
    time_ms, ids = BEGAN_MS - 1_420_070_400_000, []
    for number in range(MESSAGES):
        time_ms += chance.choice((0, 0, 1, 30))
        ids.append(str(time_ms << 22 | 3 << 17 | 1 << 12 | number & 0xFFF))
    return ids


def vrchat_ids(chance: random.Random) -> list[str]:
    return [f"not_{each}" for each in twitch_ids(chance)]


def turn_ids(_: random.Random) -> list[str]:
    """Return ids that a program counts up, as those of an assistant may be."""
    return [f"conversation-7:{number}" for number in range(MESSAGES)]


IDS: dict[str, Callable[[random.Random], list[str]]] = {
    "twitch": twitch_ids,
    "discord": discord_ids,
    "vrchat": vrchat_ids,
    "assistant": turn_ids,
}


@cache
def said_on(platform: str) -> tuple[Said, ...]:
    """Return what people said: some ever so often, and most seldom."""
    chance = random.Random(platform)
    ids = IDS[platform](chance)
    return tuple(
        Said(platform, source_id, min(int(chance.paretovariate(0.5)), 100), BEGAN_MS + 40 * number)
        for number, source_id in enumerate(ids)
    )


@cache
def lots_of(platform: str) -> tuple[float, ...]:
    return tuple(identity_of(platform, said.source_id).lot for said in said_on(platform))


@cache
def kept_of(platform: str, rate: float) -> list[bool]:
    """Return of each message whether it is kept, as the rule of its channel says."""
    rules = Rules([DatedRule(platform, "12", 0, sampling_rate=rate)]).of(platform)
    return [
        rules.at("12", said.timestamp).fate_of(lot, frozenset()).kept
        for said, lot in zip(said_on(platform), lots_of(platform), strict=True)
    ]


def chi_square(groups: Iterable[tuple[int, int]], rate: float) -> tuple[float, int]:
    """Return how far what is kept of groups (kept, all) is from the rate, and of how many groups.

    Of groups so small that the normal distribution does not hold for them, one is made.
    """
    counted, few = [], [0, 0]
    for kept, all_ in groups:
        if all_ * rate * (1 - rate) >= 5:
            counted.append((kept, all_))
        else:
            few = [few[0] + kept, few[1] + all_]
    if few[1] * rate * (1 - rate) >= 5:
        counted.append((few[0], few[1]))
    return sum((kept - n * rate) ** 2 / (n * rate * (1 - rate)) for kept, n in counted), len(counted)


def grouped(kept: Sequence[bool], groups: Sequence[int]) -> list[tuple[int, int]]:
    found: dict[int, list[int]] = {}
    for is_kept, group in zip(kept, groups, strict=True):
        counts = found.setdefault(group, [0, 0])
        counts[0] += is_kept
        counts[1] += 1
    return [(kept, all_) for kept, all_ in found.values()]


def critical(groups: int) -> float:
    """Return what chi-square of so many groups exceeds in 1 of 10,000 cases (Wilson and Hilferty)."""
    term = 2 / (9 * groups)
    return float(groups * (1 - term + 3.719 * math.sqrt(term)) ** 3)


@pytest.mark.parametrize("groups", CHI_SQUARE.keys() - {1})
def test_the_critical_values_of_chi_square_are_those_of_the_tables(groups: int) -> None:
    assert critical(groups) == pytest.approx(CHI_SQUARE[groups], rel=0.005)


@pytest.mark.parametrize("rate", RATES)
@pytest.mark.parametrize("platform", IDS)
def test_as_many_are_kept_as_the_rate_says(platform: str, rate: float) -> None:
    kept = sum(kept_of(platform, rate))
    assert abs(kept - MESSAGES * rate) <= Z * math.sqrt(MESSAGES * rate * (1 - rate)) + 0.5


@pytest.mark.parametrize("rate", RATES)
@pytest.mark.parametrize("platform", IDS)
def test_of_everybody_as_many_are_kept(platform: str, rate: float) -> None:
    of_users, users = chi_square(
        grouped(kept_of(platform, rate), [said.user for said in said_on(platform)]), rate
    )
    assert users >= 10
    assert of_users <= critical(users)


@pytest.mark.parametrize("rate", RATES)
@pytest.mark.parametrize("platform", IDS)
def test_at_any_time_as_many_are_kept(platform: str, rate: float) -> None:
    of_times, times = chi_square(
        grouped(kept_of(platform, rate), [number * 50 // MESSAGES for number in range(MESSAGES)]), rate
    )
    assert times == 50
    assert of_times <= CHI_SQUARE[50]


@pytest.mark.parametrize("platform", IDS)
def test_lots_are_uniform_from_0_to_1(platform: str) -> None:
    counts = [0] * 100
    for lot in lots_of(platform):
        counts[int(lot * 100)] += 1
    each = MESSAGES / 100
    assert sum((count - each) ** 2 / each for count in counts) <= CHI_SQUARE[99]


@pytest.mark.parametrize("platform", IDS)
def test_whether_one_is_kept_says_nothing_of_those_after_it(platform: str) -> None:
    """A sample of neighbours alone, or of every other one, would be one of the time, not of the messages."""
    kept = kept_of(platform, 0.5)
    for apart in (1, 2, 3, 16, 256, 4096):
        alike = sum(one == other for one, other in zip(kept, kept[apart:], strict=False))
        pairs = MESSAGES - apart
        assert (alike - pairs / 2) ** 2 / (pairs / 4) <= CHI_SQUARE[1], apart


@pytest.mark.parametrize("rate", RATES)
@pytest.mark.parametrize("platform", ["twitch", "discord"])
def test_no_bit_of_the_platforms_id_nor_of_ours_says_whether_it_is_kept(platform: str, rate: float) -> None:
    """So no worker, partition, counter or order of ids gets more or less of the sample."""
    kept = kept_of(platform, rate)
    theirs = [
        int(said.source_id.replace("-", ""), 16 if platform == "twitch" else 10) for said in said_on(platform)
    ]
    ours = [int(message_source(platform, said.source_id).replace("-", ""), 16) for said in said_on(platform)]
    for numbers in (theirs, ours):
        bits = [f"{number:0{BITS}b}" for number in numbers]
        of_all, of_kept = "".join(bits), "".join(compress(bits, kept))
        looked_at = 0
        for bit in range(BITS):
            n, with_it = of_all[bit::BITS].count("1"), of_kept[bit::BITS].count("1")
            if 0.01 * MESSAGES < n < 0.99 * MESSAGES:
                looked_at += 1
                assert abs(with_it - n * rate) <= Z_OF_ALL_BITS * math.sqrt(n * rate * (1 - rate)) + 0.5, bit
        assert looked_at > 20


def test_who_is_kept_on_one_platform_says_nothing_of_another_where_ids_are_alike() -> None:
    ids = [str(number) for number in range(MESSAGES)]
    alike = sum((lot_of("twitch", each) < 0.5) == (lot_of("discord", each) < 0.5) for each in ids)
    assert (alike - MESSAGES / 2) ** 2 / (MESSAGES / 4) <= CHI_SQUARE[1]


@pytest.mark.parametrize("platform", IDS)
def test_what_a_small_sample_keeps_a_greater_one_keeps_too(platform: str) -> None:
    samples = [kept_of(platform, rate) for rate in (0.0, *RATES, 1.0)]
    for smaller, greater in pairwise(samples):
        assert all(in_greater for in_smaller, in_greater in zip(smaller, greater, strict=True) if in_smaller)
    assert not any(samples[0])
    assert all(samples[-1])


@pytest.mark.parametrize("rate", RATES)
@pytest.mark.parametrize("platform", IDS)
def test_weights_add_up_to_what_was_said(platform: str, rate: float) -> None:
    weights = weights_of([(rate, frozenset(), lot) for lot in lots_of(platform)])
    assert abs(sum(weights) - MESSAGES) <= Z * math.sqrt(MESSAGES * (1 - rate) / rate) + 1 / rate


def test_weights_add_up_over_changes_of_the_rate() -> None:
    rates = [(0.5, 0.1, 0.01, 1.0, 0.1)[number * 5 // MESSAGES] for number in range(MESSAGES)]
    weights = weights_of(
        [(rate, frozenset(), lot) for rate, lot in zip(rates, lots_of("discord"), strict=True)]
    )
    variance = sum((1 - rate) / rate for rate in rates)
    assert abs(sum(weights) - MESSAGES) <= Z * math.sqrt(variance)


@pytest.mark.parametrize("rate", RATES)
def test_weights_add_up_where_moderators_mentions_replies_and_first_messages_are_exempt(rate: float) -> None:
    """Each group's sum is its own number: what is exempt stands for itself, and for nobody else."""
    chance = random.Random(7)
    reasons = ("moderator", "mention", "reply", "first")
    told = [
        (rate, frozenset(reason for reason in reasons if chance.random() < 0.05), lot)
        for lot in lots_of("twitch")
    ]
    exempt = frozenset({"moderator", "first"})
    spared = [one for one in told if one[1] & exempt]
    others = [one for one in told if not one[1] & exempt]

    assert weights_of(spared, exempt) == [1.0] * len(spared)
    weights = weights_of(others, exempt)
    assert set(weights) == {0.0, 1 / rate}
    bound = Z * math.sqrt(len(others) * (1 - rate) / rate) + 1 / rate
    assert abs(sum(weights) - len(others)) <= bound
    # Mentions are not exempt here, and no less often left out than others.
    mentions = [one for one in others if "mention" in one[1]]
    kept = sum(weight > 0 for weight in weights_of(mentions, exempt))
    assert abs(kept - len(mentions) * rate) <= Z * math.sqrt(len(mentions) * rate * (1 - rate)) + 0.5


def test_records_are_kept_with_the_weight_that_their_lot_and_the_rule_give() -> None:
    exempt = frozenset({"reply"})
    rules = Rules(
        [
            DatedRule("twitch", "12", 0, sampling_rate=0.1, exempt=exempt),
            DatedRule("twitch", "12", (BEGAN_MS + 40_000) * 1000, sampling_rate=0.5),
        ]
    ).of("twitch")
    to = Capturing("twitch", rules, SteadyTimes())
    found = []
    for number, said in enumerate(said_on("twitch")[:2_000]):
        message = Message(
            source_id=said.source_id,
            timestamp=said.timestamp,
            channel="12",
            role=MessageRole.USER,
            content="hello",
            exemptions=exempt if number % 10 == 0 else frozenset(),
        )
        record = capture(message, to, said.timestamp).record
        assert isinstance(record, MessageRecord)
        found.append((record.kept, record.weight))

    expected = []
    for number, lot in enumerate(lots_of("twitch")[:2_000]):
        # After a second said 1,000 times, the other rule holds: every other one, and nobody is exempt.
        rate = 0.1 if number < 1_000 else 0.5
        if number < 1_000 and number % 10 == 0:
            expected.append((True, 1.0))
        else:
            expected.append((lot < rate, 1 / rate if lot < rate else 0.0))
    assert found == expected


def weights_of(
    told: Iterable[tuple[float, frozenset[str], float]], exempt: frozenset[str] = frozenset()
) -> list[float]:
    """Return the weights of messages, each given as (rate, for what it may be exempt, lot); 0 if not kept."""
    rules: dict[float, Callable[[float, frozenset[str]], tuple[bool, float]]] = {}
    weights = []
    for rate, exemptions, lot in told:
        if rate not in rules:
            channel = Rules([DatedRule("twitch", "12", 0, sampling_rate=rate, exempt=exempt)]).of("twitch")
            rules[rate] = channel.at("12", BEGAN_MS).fate_of
        kept, weight = rules[rate](lot, exemptions)
        weights.append(weight if kept else 0.0)
    return weights
