"""The first times of messages: one for each, for an hour of the log."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from models.first_times import KEPT_MS, FirstTimesWindow

START_MS = 1_790_000_000_000


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, KEPT_MS // 4), st.integers(0, 9)), max_size=60))
def test_whatever_comes_again_within_an_hour_of_the_last_time_gets_the_time_of_the_first(
    deliveries: list[tuple[int, int, int]],
) -> None:
    window, log_ms = FirstTimesWindow(), START_MS
    seen: dict[int, tuple[int, int]] = {}
    for short, later_ms, jitter_ms in deliveries:
        log_ms += later_ms
        window.move_to(log_ms)
        given_ms = window.first(short, log_ms + jitter_ms)
        first_ms, came_ms = seen.get(short, (log_ms + jitter_ms, log_ms))
        if log_ms - came_ms <= KEPT_MS:
            assert given_ms == first_ms
        seen[short] = (given_ms, log_ms)


def test_what_was_read_back_before_it_comes_again_is_known_for_an_hour_after_that() -> None:
    """As when a log is read once more: all that came of it is known when it begins, as if of then."""
    window = FirstTimesWindow()
    window.move_to(START_MS)
    window.first(1, 10)
    window.move_to(START_MS + KEPT_MS - 1)
    assert window.first(1, 10) == 10
    window.move_to(START_MS + 2 * KEPT_MS - 2)
    assert window.first(1, 999) == 10


def test_what_is_older_than_the_hour_is_forgotten_soon_and_going_back_forgets_nothing() -> None:
    window = FirstTimesWindow()
    window.move_to(START_MS)
    window.first(1, 10)
    window.move_to(START_MS - 2 * KEPT_MS)
    window.move_to(START_MS + KEPT_MS)
    assert window.known(1) == 10
    window.move_to(START_MS + 2 * KEPT_MS)
    assert window.known(1) is None
    assert window.first(1, 20) == 20


@given(st.integers(8, 64), st.integers(0, 300))
def test_no_more_are_known_than_may_be_and_the_newest_of_them_are(ids_max: int, said: int) -> None:
    window = FirstTimesWindow(ids_max)
    window.move_to(START_MS)
    for short in range(said):
        window.first(short, short)
    known = [short for short in range(said) if window.known(short) is not None]
    assert len(known) <= ids_max
    assert known == list(range(said - len(known), said))
    assert len(known) >= min(said, ids_max // 2)
