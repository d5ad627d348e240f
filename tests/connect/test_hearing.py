"""What was heard, and what was missed, whatever comes of connections and of Kafka."""

from __future__ import annotations

from dataclasses import dataclass

from hypothesis import given
from hypothesis import strategies as st

from app.connect.hearing import Fetched, Gap, Heard, Hearing, Missed

LOST, ALIVE = Missed.CONNECTION, Missed.NOT_RUNNING


@dataclass
class Numbered:
    """Events that were handed in, and how far Kafka has them."""

    taken: int = 0
    confirmed: int = 0

    def take(self) -> None:
        self.taken += 1

    def confirm(self) -> None:
        self.confirmed = self.taken


def test_a_channel_that_is_heard_for_the_first_time_was_missed_since_the_log_knows_when() -> None:
    hearing = Hearing(Numbered())

    hearing.new_ear().hears("1", 100)

    assert hearing.settle().gaps == [Gap("1", None, 100, ALIVE)]
    assert hearing.settle() == ([], [Heard("1", 100, ALIVE)], [])


def test_a_connection_that_ends_leaves_a_gap_until_the_next_hears_the_channel() -> None:
    hearing = Hearing(Numbered())
    first = hearing.new_ear()
    first.hears("1", 100)
    first.reached(200)
    first.ends(LOST)

    assert hearing.settle().heard == [Heard("1", 200, LOST)]
    assert hearing.channels == {}
    hearing.new_ear().hears("1", 350)

    assert hearing.settle() == ([Gap("1", 200, 350, LOST)], [Heard("1", 350, ALIVE)], [])
    assert hearing.channels == {"1": 350}


def test_two_connections_that_overlap_leave_none() -> None:
    hearing = Hearing(Numbered())
    old, new = hearing.new_ear(), hearing.new_ear()
    old.hears("1", 100)
    old.reached(200)
    new.hears("1", 250)
    new.reached(300)
    hearing.settle()

    assert hearing.channels == {"1": 200}, "the old one has not said yet that it heard the rest"
    old.reached(260)
    old.ends(Missed.ASKED)

    assert hearing.settle() == ([], [Heard("1", 300, ALIVE)], [])


def test_a_connection_that_ends_before_the_next_hears_leaves_one_although_both_were_there() -> None:
    hearing = Hearing(Numbered())
    old, new = hearing.new_ear(), hearing.new_ear()
    old.hears("1", 100)
    old.reached(200)
    new.hears("1", 250)
    new.reached(300)
    old.ends(Missed.ASKED)

    assert hearing.settle().gaps[1:] == [Gap("1", 200, 250, Missed.ASKED)]
    assert hearing.channels == {"1": 300}


def test_what_is_not_in_kafka_was_not_heard() -> None:
    events = Numbered()
    hearing = Hearing(events)
    ear = hearing.new_ear()
    ear.hears("1", 100)
    ear.reached(200)
    events.take()
    ear.reached(300)

    assert hearing.settle().heard == [Heard("1", 200, ALIVE)]
    events.confirm()
    assert hearing.settle().heard == [Heard("1", 300, ALIVE)]


def test_a_gap_is_not_over_before_what_was_heard_before_it_is_in_kafka() -> None:
    events = Numbered()
    hearing = Hearing(events)
    ear = hearing.new_ear()
    ear.hears("1", 100)
    events.take()
    ear.reached(200)
    ear.ends(LOST)
    hearing.new_ear().hears("1", 300)

    assert hearing.settle() == ([Gap("1", None, 100, ALIVE)], [Heard("1", 100, ALIVE)], [])
    events.confirm()

    assert hearing.settle() == ([Gap("1", 200, 300, LOST)], [Heard("1", 300, ALIVE)], [])


def test_a_connection_that_is_shut_out_of_a_channel_goes_on_with_the_others() -> None:
    hearing = Hearing(Numbered())
    ear = hearing.new_ear()
    for channel in ("1", "2"):
        ear.hears(channel, 100)
    ear.reached(200)
    hearing.settle()

    hearing.shut_out(ear, "1")
    ear.reached(300)

    assert sorted(hearing.settle().heard) == [Heard("1", 200, Missed.SHUT_OUT), Heard("2", 300, ALIVE)]
    ear.hears("1", 400)
    assert hearing.settle().gaps == [Gap("1", 200, 400, Missed.SHUT_OUT)]


def test_history_counts_as_fetched_when_it_is_in_kafka() -> None:
    events = Numbered()
    hearing = Hearing(events)
    events.take()
    hearing.fetched("1", 100, 300)

    assert hearing.settle().fetched == []
    events.confirm()
    assert hearing.settle().fetched == [Fetched("1", 100, 300)]


@given(
    st.lists(
        st.tuples(st.integers(0, 30), st.integers(0, 20), st.booleans()),
        min_size=1,
        max_size=6,
    )
)
def test_every_moment_was_heard_by_some_connection_or_is_in_a_gap(
    connections: list[tuple[int, int, bool]],
) -> None:
    hearing = Hearing(Numbered())
    gaps: list[Gap] = []
    for since, for_so_long, ends in connections:
        ear = hearing.new_ear()
        ear.hears("1", since)
        ear.reached(since + for_so_long)
        if ends:
            ear.ends(LOST)
        gaps += hearing.settle().gaps

    ear = hearing.new_ear()
    ear.hears("1", 100)
    gaps += hearing.settle().gaps
    known = [gap for gap in gaps if gap.began is not None]
    begin = gaps[0].ended
    heard_until = hearing.channels["1"]
    for moment in range(begin, heard_until):
        by_an_ear = any(since <= moment < since + length for since, length, _ in connections)
        in_a_gap = any((gap.began or 0) <= moment < gap.ended for gap in known)
        assert by_an_ear or in_a_gap, moment
    assert all((gap.began or 0) < gap.ended for gap in known)
