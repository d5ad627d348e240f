"""Rules of channels: as of a time, whatever the order and the time of asking."""

from __future__ import annotations

from dataclasses import fields
from typing import TYPE_CHECKING, Any

from hypothesis import given
from hypothesis import strategies as st

from models.channels import ANY, BUILT_IN, ChannelRule, DatedRule, Deletions, OptOutSpan, Rules, Unrecorded
from models.ids import lot_of
from models.platforms import PLATFORMS

if TYPE_CHECKING:
    import random

NOW_MS = 1_790_000_000_000
NAMES = [field.name for field in fields(ChannelRule)]


def version(platform: str = "twitch", channel: str = "12", at_ms: float = 0, **said: Any) -> DatedRule:
    return DatedRule(platform, channel, round(at_ms * 1000), **said)


def test_without_rules_everything_is_recorded_and_kept_for_30_days() -> None:
    rule = Rules().of("discord").at("12", NOW_MS)
    assert rule == BUILT_IN == ChannelRule(True, 30, 1.0, None, "keep", frozenset(), True, frozenset(), True)


def test_lines_of_twitch_are_not_kept_unless_a_rule_says_so() -> None:
    assert Rules().of("twitch").at("12", NOW_MS) == ChannelRule(keep_raw=False)
    for platform, channel in (("twitch", "12"), ("twitch", ANY), (ANY, ANY)):
        kept = Rules([version(platform, channel, at_ms=5, keep_raw=True)]).of("twitch")
        assert kept.at("12", 5).keep_raw
        assert not kept.at("12", 4).keep_raw


def test_the_channel_comes_before_its_parent_that_before_the_platform_and_that_before_all() -> None:
    rules = Rules(
        [
            version("discord", "thread", sampling_rate=0.1),
            version("discord", "room", sampling_rate=0.2, retention_days=20),
            version("discord", ANY, sampling_rate=0.3, retention_days=300, bots=False),
            version(ANY, ANY, sampling_rate=0.4, retention_days=4, bots=True, deletions="blank"),
        ],
        parents={("discord", "thread"): "room", ("discord", "other thread"): "room"},
    ).of("discord")
    assert rules.at("thread", NOW_MS) == ChannelRule(
        sampling_rate=0.1, retention_days=20, bots=False, deletions=Deletions.BLANK
    )
    assert rules.at("other thread", NOW_MS).sampling_rate == 0.2
    assert rules.at("new thread", NOW_MS, "room").sampling_rate == 0.2
    assert rules.at("elsewhere", NOW_MS).sampling_rate == rules.at(None, NOW_MS).sampling_rate == 0.3
    other = Rules([version("discord", ANY, bots=False), version(ANY, ANY, keep_raw=False)]).of("vrchat")
    assert other.at("12", NOW_MS) == ChannelRule(keep_raw=False)


def test_what_is_said_of_one_platform_is_nothing_to_another() -> None:
    rules = Rules([version("discord", "12", is_enabled=False)], [OptOutSpan("discord", "me")])
    assert rules.of("twitch").at("12", NOW_MS).is_enabled
    assert not rules.of("twitch").has_opted_out("me", NOW_MS)


def test_a_rule_holds_from_its_time_on_until_the_next_and_is_as_if_it_never_was_once_it_is_deleted() -> None:
    rules = Rules(
        [
            version(at_ms=300, is_deleted=True, sampling_rate=0.2),
            version(at_ms=100.5, sampling_rate=0.1),
            version(at_ms=200, sampling_rate=0.2),
        ]
    ).of("twitch")
    rates = {time_ms: rules.at("12", time_ms).sampling_rate for time_ms in (0, 100, 101, 199, 200, 299, 300)}
    assert rates == {0: 1.0, 100: 1.0, 101: 0.1, 199: 0.1, 200: 0.2, 299: 0.2, 300: 1.0}


def test_who_is_ignored_a_bot_or_opted_out_is_not_recorded_and_each_for_its_reason() -> None:
    rules = Rules(
        [version(ignored_users=frozenset({"spy"}), bots=False), version(channel="off", is_enabled=False)],
        [
            OptOutSpan("twitch", "shy", 500, 600),
            OptOutSpan("twitch", "shy", 700),
            OptOutSpan("twitch", "gone"),
        ],
    ).of("twitch")
    rule = rules.at("12", NOW_MS)
    assert rules.unrecorded(rule, "somebody", NOW_MS) is None
    assert rules.unrecorded(rule, None, NOW_MS) is None
    assert rules.unrecorded(rule, "spy", NOW_MS) is Unrecorded.IGNORED_USER
    assert rules.unrecorded(rule, "somebody", NOW_MS, is_bot=True) is Unrecorded.BOT
    times = (0, 499, 500, 599, 600, 699, 700, NOW_MS)
    assert [rules.has_opted_out("shy", ms) for ms in times] == [ms in {500, 599, 700, NOW_MS} for ms in times]
    assert rules.unrecorded(rule, "shy", 499) is None
    assert rules.unrecorded(rule, "shy", 500) is Unrecorded.OPTED_OUT
    assert rules.unrecorded(rule, "gone", 0) is Unrecorded.OPTED_OUT
    assert rules.unrecorded(rules.at("off", NOW_MS), "somebody", NOW_MS) is Unrecorded.DISABLED


IDS = st.text(min_size=1, max_size=12)
KINDS = st.frozensets(st.sampled_from(["moderator", "mention", "reply", "first"]))


@given(IDS, KINDS, KINDS)
def test_a_rate_of_0_keeps_nothing_but_the_exempt_and_of_1_all(
    source_id: str, exempt: frozenset[str], exemptions: frozenset[str]
) -> None:
    lot = lot_of("twitch", source_id)
    assert 0 <= lot < 1
    fate = ChannelRule(sampling_rate=0, exempt=exempt).fate_of(lot, exemptions)
    assert fate.kept == bool(exempt & exemptions)
    assert ChannelRule(sampling_rate=1, exempt=exempt).fate_of(lot, exemptions) == (True, 1.0)
    if fate.kept:
        assert fate.weight == 1


@given(IDS, st.floats(0.001, 1), st.floats(0.001, 1))
def test_what_a_lower_rate_keeps_a_higher_one_keeps_as_well(source_id: str, one: float, other: float) -> None:
    lot, low, high = lot_of("twitch", source_id), min(one, other), max(one, other)
    kept = ChannelRule(sampling_rate=low).fate_of(lot, frozenset())
    if kept.kept:
        assert kept.weight == 1 / low
        assert ChannelRule(sampling_rate=high).fate_of(lot, frozenset()).kept


CHANNELS = st.sampled_from(["12", "34", ANY])
VERSIONS = st.lists(
    st.builds(
        version,
        st.sampled_from(["twitch", "discord"]) | st.just(ANY),
        CHANNELS,
        st.integers(0, 30),
        is_deleted=st.booleans(),
        is_enabled=st.none() | st.booleans(),
        sampling_rate=st.none() | st.floats(0, 1),
        ignored_users=st.none() | st.frozensets(st.sampled_from("ab")),
    ),
    unique_by=lambda made: (made.platform, made.channel, made.valid_from_us),
    max_size=12,
)


def plainly(versions: list[DatedRule], line: list[tuple[str, str]], time_ms: int) -> ChannelRule:
    """The rule as its definition has it, with nothing remembered."""
    said: dict[str, Any] = {}
    for platform, channel in line:
        valid = [
            one
            for one in versions
            if (one.platform, one.channel) == (platform, channel) and one.valid_from_us <= time_ms * 1000
        ]
        latest = max(valid, key=lambda one: one.valid_from_us, default=None)
        if latest is not None and not latest.is_deleted:
            for name in NAMES:
                if said.get(name) is None:
                    said[name] = getattr(latest, name)
    built_in = {"keep_raw": PLATFORMS[line[0][0]].keeps_raw}
    return ChannelRule(**built_in | {name: value for name, value in said.items() if value is not None})


@given(VERSIONS, st.randoms(use_true_random=False))
def test_the_same_holds_whenever_and_in_whatever_order_it_is_asked(
    versions: list[DatedRule], chance: random.Random
) -> None:
    shuffled = chance.sample(versions, len(versions))
    rules, fresh = (
        Rules(versions, parents={("twitch", "34"): "12"}),
        Rules(shuffled, parents={("twitch", "34"): "12"}),
    )
    questions = [(channel, time_ms) for channel in ("12", "34", "56") for time_ms in range(-1, 32)]
    for channel, time_ms in chance.sample(questions, len(questions)):
        parent = [("twitch", "12")] if channel == "34" else []
        expected = plainly(versions, [("twitch", channel), *parent, ("twitch", ANY), (ANY, ANY)], time_ms)
        assert rules.of("twitch").at(channel, time_ms) == expected
        assert fresh.of("twitch").at(channel, time_ms) == expected
