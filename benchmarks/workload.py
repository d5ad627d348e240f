"""The data of every measurement: conversations that are the same for everyone, however often they are made.

A conversation is a bot that asks and a person who answers, with one state for every question: two events to
a state. They come in waves, each of many people at once, so that neighbours in a topic are of different
people, as in production. How the records get into Kafka is not decided here.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import orjson

from models.entries import encode_entry
from models.platforms.messenger import extract_chat_log_entry

if TYPE_CHECKING:
    from collections.abc import Iterator

    #: The key and the value of a record.
    Keyed = tuple[bytes, bytes]

#: Questions of one conversation.
TURNS = 10
#: People who talk at the same time.
PEOPLE = 500
#: Messages of one wave.
WAVE = 2 * TURNS * PEOPLE
#: A wave is over when the next one begins: nobody's record is out of order.
WAVE_MS = 20 * 60 * 1000
_SEED = 1

_QUESTIONS = (
    "How many people live in your household? Please include everyone who slept there last night.",
    "In the last seven days, did anyone in your house have a fever? 🤒",
    "Did you sleep under a mosquito net last night?",
    "Which of these is the closest clinic to you?\n- A. Central clinic\n- B. Market road\n- C. Another one",
    "Thank you! Now we would like to ask you about the last time that you visited a health worker.",
)
_ANSWERS = ("Yes", "No", "B", "4", "We went to the market road clinic two weeks ago, with my sister 🙏🏾")


@dataclass(frozen=True, slots=True)
class Wave:
    """Records of conversations that overlap, each list in the order in which its records were made."""

    events: list[Keyed]
    states: list[Keyed]
    entries: list[Keyed]


def waves(messages: int, *, start_ms: int, people: int | None = None) -> Iterator[Wave]:
    """Make conversations of at least `messages` events, in whole waves.

    Args:
        messages: how many events, and so entries; there are half as many states.
        start_ms: when the first conversation begins, in ms since 1970.
        people: after so many, those who talked before talk again; by default everyone talks once.
    """
    for number in range(-(-messages // WAVE)):
        first = number * PEOPLE % (people or messages)
        yield _wave(first, start_ms + number * WAVE_MS, random.Random(_SEED + number))  # noqa: S311  no secrets


def last_month_ms() -> int:
    """Return when the last month began: all of a run is then past, and in one monthly partition."""
    this_month = datetime.now(UTC).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    return round((this_month - timedelta(days=1)).replace(day=1).timestamp() * 1000)


def _wave(first: int, start_ms: int, chance: random.Random) -> Wave:
    timed: list[tuple[int, str, Keyed]] = []
    for number in range(first, first + PEOPLE):
        timed.extend(_conversation(number, start_ms + chance.randrange(WAVE_MS // 2), chance))
    timed.sort(key=lambda record: record[0])
    kinds: dict[str, list[Keyed]] = {"event": [], "state": [], "entry": []}
    for _, kind, record in timed:
        kinds[kind].append(record)
    return Wave(kinds["event"], kinds["state"], kinds["entry"])


def _conversation(number: int, now: int, chance: random.Random) -> Iterator[tuple[int, str, Keyed]]:
    userid, pageid = f"62{number:014d}", f"10573826491{number % 20:04d}"
    key = userid.encode()
    form = f"household{number % 40}"
    md = {
        "form": form,
        "pageid": pageid,
        "startTime": now,
        "seed": chance.randrange(2**32),
        "surveyid": f"0c9d4d0e-6f0a-4c6e-a9f3-{number % 40:012d}",
    }
    state: dict[str, Any] = {}
    for turn in range(TURNS):
        now += chance.randrange(1_000, 25_000)
        ref = f"5b5f0f0a-71f9-4c7f-a4b3-{turn:012d}"
        echo = echo_event(userid, pageid, now, _QUESTIONS[turn % len(_QUESTIONS)], ref)
        yield from _said(echo, state, key, now)
        state = {"forms": ["intro", form], "question": ref, "md": md}
        yield now, "state", (key, state_record(userid, pageid, now, state))
        now += chance.randrange(1_000, 25_000)
        answer = text_event(userid, pageid, now, chance.choice(_ANSWERS))
        yield from _said(answer, state, key, now)


def _said(
    event: dict[str, Any], state: dict[str, Any], key: bytes, now: int
) -> Iterator[tuple[int, str, Keyed]]:
    entry = extract_chat_log_entry(event, state)
    if entry is None:
        raise AssertionError("every event here is a visible message; mend the event")
    yield now, "event", (key, orjson.dumps(event))
    yield now, "entry", (key, encode_entry(entry))


def echo_event(userid: str, pageid: str, now: int, text: str, ref: str) -> dict[str, Any]:
    """Return the event of a bot's question, as Messenger sends it."""
    return {
        "source": "messenger",
        "sender": {"id": pageid},
        "recipient": {"id": userid},
        "timestamp": now,
        "message": {
            "mid": f"m_{userid}{now}",
            "is_echo": True,
            "app_id": 847362514093827,
            "text": text,
            "metadata": orjson.dumps({"ref": ref, "type": "short_text"}).decode(),
        },
    }


def text_event(userid: str, pageid: str, now: int, text: str) -> dict[str, Any]:
    """Return the event of a person's answer, as Messenger sends it."""
    return {
        "source": "messenger",
        "sender": {"id": userid},
        "recipient": {"id": pageid},
        "timestamp": now,
        "message": {"mid": f"m_{userid}{now}", "text": text},
    }


def state_record(userid: str, pageid: str, now: int, state: dict[str, Any]) -> bytes:
    """Return a state as the bot publishes it, with more in it than counts."""
    return orjson.dumps(
        {
            "userid": userid,
            "pageid": pageid,
            "updated": now,
            "current_state": "QOUT",
            "state_json": {"state": "QOUT", **state, "qa": [], "pointer": now, "retries": []},
        }
    )
