"""How far a shard has come: nothing counts as heard before Kafka has it, whatever is lost in between."""

from __future__ import annotations

from app.connect.discord.progress import GatewaySession, Position, ShardProgress

FIRST = GatewaySession("first", "wss://resume", 1)
SECOND = GatewaySession("second", "wss://resume", 1)


def begun(missing_ms: int | None = None) -> ShardProgress:
    progress = ShardProgress(None)
    progress.begin(FIRST, ["1"], missing_ms, now_ms=1000)
    return progress


def test_a_session_is_taken_up_after_the_last_event_that_is_in_kafka() -> None:
    progress = begun()
    for sequence, number in ((2, 1), (3, 2), (4, 2), (5, 3)):
        progress.hear(sequence, number)
    assert progress.session == FIRST

    progress.confirm(2)

    assert progress.session == GatewaySession("first", "wss://resume", 4), "4 need not be in Kafka"
    assert not progress.is_new(5), "it is on its way"
    assert progress.is_new(6)


def test_a_time_is_heard_once_all_that_was_said_before_is_in_kafka() -> None:
    progress = begun()
    progress.hear(2, 1)
    progress.reach(2000, 1)
    progress.hear(3, 2)
    progress.reach(3000, 2)
    assert progress.position is not None
    assert progress.position.heard_ms == 1000

    progress.confirm(1)

    assert progress.position.heard_ms == 2000


def test_what_was_heard_in_a_session_before_does_not_count_in_the_next() -> None:
    progress = begun()
    progress.hear(200, 1)
    progress.lose_session()
    progress.begin(SECOND, ["1"], 900, now_ms=5000)

    progress.confirm(1)

    assert progress.session == SECOND
    assert progress.is_new(2)


def test_what_is_missing_stays_missing_until_it_is_fetched() -> None:
    progress = begun(missing_ms=700)
    progress.reach(2000, 0)
    progress.confirm(0)
    assert progress.position is not None
    assert progress.position.unheard_ms == 700

    progress.miss(1500)
    assert progress.position.missing_ms == 700
    progress.fetched()

    assert progress.position.unheard_ms == 2000


def test_servers_come_and_go() -> None:
    progress = begun()
    progress.hear_of("2")
    progress.hear_of("2")
    progress.forget("1")
    assert progress.position is not None
    assert progress.position.servers == ("2",)


def test_before_a_session_nothing_is_remembered() -> None:
    progress = ShardProgress(None)
    progress.hear_of("1")
    progress.miss(1)
    progress.reach(5, 0)
    progress.confirm(0)
    progress.lose_session()
    assert progress.position is None


def test_after_a_restart_it_goes_on_where_it_was_left() -> None:
    left = Position(2000, GatewaySession("first", "wss://resume", 8), None, ("1",))
    progress = ShardProgress(left)
    assert progress.session == left.session
    assert not progress.is_new(8)
    assert progress.is_new(9)
