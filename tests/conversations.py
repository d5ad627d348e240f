"""Synthetic conversations on a large scale, with what must become of each message.

The expectation is worked out by the plain definition (newest state made before the event), over all
states at once, so that it is independent of how the system reads its topics.
"""

from __future__ import annotations

import random
from dataclasses import dataclass

import orjson

START_MS = 1_760_000_000_000


@dataclass(frozen=True, slots=True)
class Expected:
    """The fields of a row that depend on the state before the event.

    Attributes:
        state_ms: when that state was made, which its metadata tells; None if there was none.
    """

    content: str
    question_ref: str | None
    shortcode: str | None
    pageid: str | None
    state_ms: int | None


@dataclass(frozen=True, slots=True)
class Conversations:
    """Records in the order in which a bot and its users would have made them."""

    events: list[tuple[bytes, bytes]]
    states: list[tuple[bytes, bytes]]
    expected: dict[tuple[str, int, str], Expected]


def conversations(
    users: int, turns: int, *, seed: int = 1, tag: str = "", start_ms: int = START_MS
) -> Conversations:
    """Make `users` people who each answer `turns` questions: an echo and an answer a turn.

    They begin in the minute from `start_ms` on.
    Every answer moves the bot to its next state; every fifth also to another form.
    """
    chance = random.Random(seed)
    events: list[tuple[int, bytes, bytes]] = []
    states: list[tuple[int, bytes, bytes]] = []
    expected: dict[tuple[str, int, str], Expected] = {}
    for number in range(users):
        userid = f"{tag}{number:016d}"
        pageid = f"page-{number % 3}"
        now = start_ms + chance.randrange(60_000)
        form = f"form{number % 7}"
        question: str | None = None
        state_ms: int | None = None
        for turn in range(turns):
            now += chance.randrange(200, 4_000)
            text = f"question {turn} of {form}?"
            echo = _echo(userid, pageid, now, text, f"ref-{turn}")
            events.append((now, userid.encode(), echo))
            expected[userid, now, "bot"] = Expected(
                text, f"ref-{turn}", None if state_ms is None else form, pageid, state_ms
            )
            # The bot notes the question once it has been sent.
            question, state_ms = f"ref-{turn}", now
            states.append(_state(userid, pageid, now, form, question))
            now += chance.randrange(200, 4_000)
            answer = f"answer {turn} 😀 {chance.randrange(1000)}"
            events.append((now, userid.encode(), _text(userid, pageid, now, answer)))
            expected[userid, now, "user"] = Expected(answer, question, form, pageid, state_ms)
            if turn % 5 == 4:
                form = f"form{(number + turn) % 7}-next"
            state_ms = now
            states.append(_state(userid, pageid, now, form, question))
    events.sort(key=lambda event: event[0])
    states.sort(key=lambda state: state[0])
    return Conversations(
        [(key, value) for _, key, value in events], [(key, value) for _, key, value in states], expected
    )


def _echo(userid: str, pageid: str, now: int, text: str, ref: str) -> bytes:
    return orjson.dumps(
        {
            "source": "messenger",
            "sender": {"id": pageid},
            "recipient": {"id": userid},
            "timestamp": now,
            "message": {
                "is_echo": True,
                "mid": f"m_{userid}_{now}",
                "text": text,
                "metadata": orjson.dumps({"ref": ref, "type": "short_text"}).decode(),
            },
        }
    )


def _text(userid: str, pageid: str, now: int, text: str) -> bytes:
    return orjson.dumps(
        {
            "source": "messenger",
            "sender": {"id": userid},
            "recipient": {"id": pageid},
            "timestamp": now,
            "message": {"mid": f"m_{userid}_{now}", "text": text},
        }
    )


def _state(userid: str, pageid: str, now: int, form: str, question: str | None) -> tuple[int, bytes, bytes]:
    record = {
        "userid": userid,
        "pageid": pageid,
        "updated": now,
        "current_state": "QOUT",
        "state_json": {
            "state": "QOUT",
            "forms": ["intro", form],
            "question": question,
            "md": {"pageid": pageid, "form": form, "startTime": START_MS, "made": now},
        },
    }
    return now, userid.encode(), orjson.dumps(record)
