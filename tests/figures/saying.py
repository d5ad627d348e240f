"""What was said before figures are asked for: in two surveys, in rooms of which one is sampled, to bots."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from tests.sinks.postgres.message_records import message
from tests.site.owners import ANA, BEN, SHARED_NAME

if TYPE_CHECKING:
    import asyncpg

    from models.records import MessageRecord

#: A Monday: what is said in the weeks from it on.
MONDAY = datetime(2026, 11, 2, tzinfo=UTC)
SECRET = "what only they may know"
#: As the existing writer does it.
INSERT = (
    "INSERT INTO chat_log (userid, pageid, timestamp, direction, content, question_ref, shortcode, surveyid, "
    "message_type) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, 'text') ON CONFLICT DO NOTHING"
)


def at(days: float = 0, **more: float) -> datetime:
    return MONDAY + timedelta(days=days, **more)


async def surveyid(pool: asyncpg.Pool[Any], owner: str, shortcode: str) -> Any:
    return await pool.fetchval(
        "SELECT surveys.id FROM surveys JOIN users ON users.id = userid WHERE email = $1 AND shortcode = $2",
        owner,
        shortcode,
    )


async def add_entries(pool: asyncpg.Pool[Any]) -> None:
    """Have people go through the surveys of Ana and Ben of one name, and one come back a week later.

    Of Ana's, Amina answers both questions and is asked the first one twice; Bola stops at the second.
    """
    for owner, people in ((ANA, ["amina", "bola"]), (BEN, ["chidi"])):
        survey, page = await surveyid(pool, owner, "base"), f"page of {owner}"
        rows = []
        for number, person in enumerate(people):
            asked = ["q1", "q1", "q2"] if number == 0 else ["q1", "q2"]
            for step, question in enumerate(asked):
                when = at(hours=9, minutes=step)
                rows.append((person, page, when, "bot", f"Question {question}?", question, "base", survey))
            answered = ["q1", "q2"] if number == 0 else ["q1"]
            for step, question in enumerate(answered):
                when = at(hours=9, minutes=step + 1, seconds=30)
                rows.append((person, page, when, "user", SECRET, question, "base", survey))
        await pool.executemany(INSERT, rows)
        again = (people[0], page, at(7, hours=10), "user", "Hello?", None, "base", survey)
        await pool.executemany(INSERT, [again, again])
    assert SHARED_NAME


def messages_said() -> dict[str, list[MessageRecord]]:
    """Return what was said in two rooms of Twitch, of which one is sampled, and to an assistant."""
    rooms = [
        message(
            number,
            channel=channel,
            weight=weight,
            author_id=f"viewer-{number % 4}",
            content="How  do I JOIN?" if number % 2 else "how do i join",
            timestamp=round(at(number % 3, hours=20).timestamp() * 1000) + number,
        )
        for number, (channel, weight) in enumerate([("plain", 1.0)] * 10 + [("sampled", 10.0)] * 20)
    ]
    turns = []
    for number in range(20):
        session, asked = f"session_{number // 4}", at(1, hours=12, minutes=number)
        timestamp = round(asked.timestamp() * 1000)
        of_it: dict[str, Any] = {
            "platform": "assistant",
            "channel": session,
            "conversation": session,
            "kind": "session",
        }
        turns += [
            message(2 * number, timestamp=timestamp, author_id=session, **of_it),
            message(
                2 * number + 1,
                role="assistant",
                author_id=None,
                author_name=None,
                timestamp=timestamp + 100 * (number + 1),
                response_ms=100 * (number + 1),
                **of_it,
            ),
        ]
    return {"twitch": rooms, "assistant": turns}
