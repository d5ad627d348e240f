"""Plays the samples, tells each conversation and room when it has landed, then sums up."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

import asyncpg
from rich.text import Text

import samples
from app.local.arrival import Arrival
from app.local.errors import UpFailed
from app.local.player import play_samples
from app.local.rooms import differences, room_lines
from app.postgres.connections import connect
from app.settings import Role
from samples.rooms import rooms

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from app.local.arrival import ToldMessage
    from app.local.player import Played
    from app.local.screen import Screen
    from app.settings import Settings
    from samples import Conversation

    Messages = Mapping[str, Sequence[ToldMessage]]

#: On an idle machine all is there 2 s after it was played.
DEADLINE_S = 180.0
_POLL_S = 0.1
#: How many missing messages of a conversation are listed.
_LISTED = 5


class Narrator:
    """Tells what comes of the samples."""

    def __init__(self, settings: Settings, screen: Screen, started_at: float) -> None:
        """Prepare to tell.

        Args:
            settings: where the samples go, and where they are to arrive.
            screen: where to tell it.
            started_at: `time.monotonic()` at the start of the run.
        """
        self._settings = settings
        self._conversations = samples.conversations(media=settings.worker.capture_media)
        self._rooms = [room for room in rooms() if room.platform in settings.topology.platforms]
        self._screen = screen
        self._started_at = started_at
        self._first_told_s: float | None = None
        self._played: Played | None = None

    async def narrate(self) -> list[str]:
        """Play the samples, tell them as they land, and return what is missing or wrong at the end.

        Raises:
            DatabaseUnavailable, UpFailed: they cannot be played, or PostgreSQL does not answer any more.
        """
        connection = await connect(self._settings.database, application_name="chatlog-up")
        try:
            return await self._narrate(Arrival(connection, self._settings))
        except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError) as error:
            said = error.args[0] if error.args else type(error).__name__
            raise UpFailed(f"PostgreSQL does not answer any more ({said}): see its log") from error
        finally:
            connection.terminate()

    async def _narrate(self, arrival: Arrival) -> list[str]:
        before = await arrival.messages()
        to_tell = list(self._conversations)
        worked_off = asyncio.create_task(self._play_and_wait(arrival))
        deadline = time.monotonic() + DEADLINE_S
        try:
            while True:
                # Asked before the look, so that the last look sees everything.
                is_last = worked_off.done() or time.monotonic() > deadline
                if worked_off.done():
                    worked_off.result()
                landed = await arrival.messages()
                to_tell = [each for each in to_tell if not self._tell(each, landed, before, is_last=is_last)]
                if is_last:
                    break
                await asyncio.sleep(_POLL_S)
        finally:
            worked_off.cancel()
        return [
            *_missing_messages(self._conversations, landed),
            *await self._tell_rooms(arrival),
            *await self._wrong_dead_letters(arrival),
        ]

    async def _tell_rooms(self, arrival: Arrival) -> list[str]:
        """Tell what was said on the other platforms, all of it by now; return what is not as it must be."""
        wrong: list[str] = []
        for room in self._rooms:
            messages = await arrival.room_messages(room)
            whole = len(room.expected)
            note = f"{len(messages)} of {whole} messages" if len(messages) < whole else f"{whole} messages"
            self._screen.say(room_lines(room, messages, note))
            wrong += differences(room, messages)
        return wrong

    async def _play_and_wait(self, arrival: Arrival) -> None:
        events = len(samples.events()) + sum(len(room.events) for room in self._rooms)
        self._screen.say(f"Playing {events} events and {len(samples.states())} states into Kafka")
        self._played = await play_samples(self._settings.kafka, self._settings.topology)
        await arrival.until_worked_off(self._played)

    def _tell(self, conversation: Conversation, landed: Messages, before: Messages, *, is_last: bool) -> bool:
        """Tell a conversation if it is time to; return whether it was told."""
        messages = landed.get(conversation.userid, [])
        whole = len(conversation.expected)
        were_there = len(before.get(conversation.userid, []))
        # What was there before says nothing of what lands now, until all is worked off.
        if not is_last and (len(messages) < whole or were_there == whole):
            return False
        note = f"{len(messages)} of {whole} messages" if len(messages) < whole else f"{whole} messages"
        if were_there:
            note += f", {were_there} of them from before" if were_there < whole else ", all from before"
        if self._first_told_s is None:
            self._first_told_s = time.monotonic() - self._started_at
        self._screen.say_conversation(conversation, messages, note)
        return True

    async def _wrong_dead_letters(self, arrival: Arrival) -> list[str]:
        if self._played is None:
            return ["the samples were not played in time"]
        found = await arrival.dead_letters(self._played)
        expected = samples.expected().dead_letters + sum(room.dead_letters for room in self._rooms)
        if len(found) == expected:
            return []
        return [f"dead letters: {len(found)} instead of {expected} ({', '.join(found) or 'none'})"]

    def sum_up(self, counts: Mapping[Role, Mapping[str, int]], missing: Sequence[str]) -> None:
        """Print what the workers counted, the times, and what is missing."""
        persist = counts.get(Role.PERSIST, {})
        captures = [counts[role] for role in (Role.CAPTURE, Role.CAPTURE_PLATFORMS) if role in counts]
        table = {
            "events read": _sum(*(capture.get("events_read") for capture in captures)),
            "entries written": persist.get("rows"),
            "messages written": persist.get("message_rows"),
            "duplicates": _sum(persist.get("duplicates"), persist.get("message_duplicates")),
            "dead letters": _sum(
                persist.get("dead_letters"), *(capture.get("dead_letters") for capture in captures)
            ),
        }
        self._screen.say("")
        self._screen.say_table(
            {name: "unknown" if count is None else f"{count:,}" for name, count in table.items()},
            numbers=True,
        )
        total_s = time.monotonic() - self._started_at
        first = f"first conversation after {self._first_told_s:.1f} s, " if self._first_told_s else ""
        self._screen.say(f"{first}all after {total_s:.1f} s")
        self._judge(missing, "Every sample arrived.")

    def tell_exports(self, wrong: Sequence[str]) -> None:
        """Print what is wrong with the exports of a sample survey."""
        self._judge(wrong, "The files hold what the tables do.")

    def _judge(self, wrong: Sequence[str], right: str) -> None:
        for line in wrong:
            self._screen.say(Text.assemble(("✗ ", "red"), line))
        if not wrong:
            self._screen.say(Text.assemble(("✓ ", "green"), right))


def _sum(*counts: int | None) -> int | None:
    known = [count for count in counts if count is not None]
    return sum(known) if len(known) == len(counts) else None


def _missing_messages(conversations: Sequence[Conversation], landed: Messages) -> list[str]:
    lines = []
    for conversation in conversations:
        there = {message.key for message in landed.get(conversation.userid, [])}
        missing = [row for row in conversation.expected if row.key not in there]
        if missing:
            listed = ", ".join(f"{row.direction} at {row.timestamp} ms" for row in missing[:_LISTED])
            more = f" and {len(missing) - _LISTED} more" if len(missing) > _LISTED else ""
            lines.append(
                f"{conversation.name} ({conversation.userid}): {len(missing)} of "
                f"{len(conversation.expected)} messages are not in chat_log: {listed}{more}"
            )
    return lines
