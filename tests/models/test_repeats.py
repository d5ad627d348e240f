"""Why a question came again: a table of dialogues, and what holds for any."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.repeats import Asked, Cause, Repeat, Stood, repeats_in

MINUTE = 60_000
NOTED = '{"repeat":true,"ref":"q3"}'


def bot(minute: float, question: str | None = "q3", *, note: str | None = None, form: str = "f") -> Asked:
    at = round(minute * MINUTE)
    return Asked(f"bot{at}", at, is_bot=True, question=question, shortcode=form, note=note)


def person(minute: float) -> Asked:
    at = round(minute * MINUTE)
    return Asked(f"user{at}", at, is_bot=False)


def stood(minute: float, state: str = "QOUT", **told: object) -> Stood:
    return Stood(round(minute * MINUTE), state, **told)  # type: ignore[arg-type]


CASES = [
    pytest.param([bot(0), person(1), bot(2, "q4")], [], [], id="another question"),
    pytest.param([bot(0), bot(0.01), person(1), bot(2, "q4")], [], [], id="two bubbles"),
    pytest.param(
        [bot(0), person(1), bot(1.1)],
        [stood(0, answers=2), stood(1, "RESPONDING", answers=2)],
        [(Cause.NOT_ACCEPTED, "user60000")],
        id="the answer was not accepted",
    ),
    pytest.param(
        [bot(0), person(1), bot(1.1, note=NOTED), bot(1.2)],
        [],
        [(Cause.NOT_ACCEPTED, "user60000")],
        id="the bot notes it, and its states do not tell; the question follows the note",
    ),
    pytest.param(
        [bot(0), person(1), bot(1.1)],
        [stood(0, answers=2), stood(1, "RESPONDING", answers=3)],
        [(Cause.LED_BACK, "user60000")],
        id="the form leads back",
    ),
    pytest.param(
        [bot(0), bot(90)],
        [stood(0), stood(1, "BLOCKED", retries=1), stood(80, "BLOCKED", retries=4, problem="FB")],
        [(Cause.SENT_AGAIN, None)],
        id="sent again",
    ),
    pytest.param(
        [bot(0), bot(90)],
        [stood(0), stood(1, "ERROR", problem="STATE")],
        [(Cause.AFTER_ERROR, None)],
        id="after an error",
    ),
    pytest.param(
        [bot(0), bot(90)],
        [stood(0), stood(1, "WAIT_EXTERNAL_EVENT", waits_for="timeout")],
        [(Cause.AFTER_WAITING, None)],
        id="after a timeout",
    ),
    pytest.param(
        [bot(0), person(1), bot(2)],
        [stood(-1, begun=1), stood(1.5, begun=2)],
        [(Cause.BEGUN_ANEW, None)],
        id="begun anew",
    ),
    pytest.param([bot(0), bot(90)], [], [(Cause.NOT_TOLD, None)], id="nobody tells"),
    pytest.param([bot(0), bot(0.1, note=NOTED)], [], [(Cause.NOT_TOLD, None)], id="the bot notes it alone"),
    pytest.param([bot(0), bot(90, form="other")], [], [], id="of another form"),
    pytest.param([bot(0, None, note="no json"), bot(90, None)], [], [], id="of no question"),
]


@pytest.mark.parametrize(("said", "states", "expected"), CASES)
def test_it_is_told_why_a_question_came_again(
    said: list[Asked], states: list[Stood], expected: list[tuple[Cause, str | None]]
) -> None:
    assert [(repeat.cause, repeat.answer) for repeat in repeats_in(said, states)] == expected


def test_what_a_repeat_tells() -> None:
    states = [stood(0), stood(1, "BLOCKED", retries=1, problem="FB"), stood(80, "BLOCKED", retries=4)]
    said = [bot(0), bot(90), person(91), bot(92)]
    first, second = repeats_in(said, states)
    assert first == Repeat(
        "bot5400000", "q3", 2, "bot0", Cause.SENT_AGAIN, None, MINUTE, 4, "FB", None, 90 * MINUTE
    )
    assert (second.number, second.before, second.answer) == (3, "bot5400000", "user5460000")


messages = st.lists(
    st.builds(
        bot,
        st.integers(0, 500),
        st.sampled_from(["q1", "q2", None]),
        note=st.sampled_from([None, NOTED, "[]", "{"]),
    )
    | st.builds(person, st.integers(0, 500)),
    max_size=12,
).map(lambda some: sorted(some, key=lambda each: each.timestamp))
states_of_a_bot = st.lists(
    st.builds(
        stood,
        st.integers(0, 500),
        st.sampled_from(["QOUT", "BLOCKED", "ERROR", "END", "RESPONDING"]),
        answers=st.integers(0, 3),
    ),
    max_size=6,
).map(lambda some: sorted(some, key=lambda each: each.updated))


@given(messages, states_of_a_bot)
def test_only_a_bots_message_repeats_and_only_what_was_asked_before(
    said: list[Asked], states: list[Stood]
) -> None:
    by_id = {message.id: message for message in said}
    for repeat in repeats_in(said, states):
        assert by_id[repeat.id].is_bot
        assert by_id[repeat.before].timestamp <= by_id[repeat.id].timestamp
        assert repeat.number >= 2
        assert repeat.answer is None or not by_id[repeat.answer].is_bot
