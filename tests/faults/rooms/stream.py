"""A stream of Twitch's and Discord's events, made up from a seed: what people say, and what becomes of it.

Twitch tells most messages by IRC and by EventSub, each with another time, and some again. Discord tells edits
and deletions, some before their message. Some events are rubbish, some tell nothing.
"""

from __future__ import annotations

import heapq
import random
import uuid
from dataclasses import replace
from itertools import count
from typing import TYPE_CHECKING

from models.errors import Reason
from tests.faults.rooms import discord_wire, twitch_wire
from tests.faults.rooms.facts import Changed, Cleared, Delivery, Said, TakenBack

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.faults.rooms.facts import Fact

#: Rooms of Twitch, channels of Discord, and a dialogue there.
ROOMS = ("1001", "1002", "1003")
CHANNELS = ("2001", "2002", "2003")
DIALOGUE = "2900"
PEOPLE = 40
#: Who says nothing but what a program says.
BOT = "3"

_MINUTE_MS = 60_000
#: Well within the hour for which times of messages are known.
ANSWERED_WITHIN_MS = 40 * _MINUTE_MS
_WORDS = ("gg", "hello", "habari", "مرحبا", "नमस्ते", "你好", "that @Ann did it", "🎉 what?", "x" * 120)


class Stream:
    """A stream that goes on from where it was: `take` moves its clock, and no event comes before it.

    Args:
        seed: of all that is left to chance.
    """

    def __init__(self, seed: int) -> None:
        self._chance = random.Random(seed)
        self._number = count()
        #: What is yet to come: when, and what makes it.
        self._coming: list[tuple[int, int, Callable[[int], Delivery]]] = []
        self._said: dict[str, list[Said]] = {channel: [] for channel in (*ROOMS, *CHANNELS, DIALOGUE)}

    def take(self, messages: int, from_ms: int, to_ms: int) -> Iterator[Delivery]:
        """Yield what comes from one time to another, in which so many messages are said."""
        for said_ms in sorted(self._chance.randrange(from_ms, to_ms) for _ in range(messages)):
            yield from self._due(said_ms)
            self._happen(said_ms)
        yield from self._due(to_ms)

    def rest(self, now_ms: int) -> Iterator[Delivery]:
        """Yield all that is yet to come, now."""
        while self._coming:
            _, _, make = heapq.heappop(self._coming)
            yield make(now_ms)

    def _due(self, until_ms: int) -> Iterator[Delivery]:
        while self._coming and self._coming[0][0] <= until_ms:
            came_ms, _, make = heapq.heappop(self._coming)
            yield make(came_ms)

    def _at(self, came_ms: int, make: Callable[[int], Delivery]) -> None:
        heapq.heappush(self._coming, (came_ms, next(self._number), make))

    def _happen(self, said_ms: int) -> None:
        chance = self._chance
        if chance.random() < 0.5:
            self._on_twitch(said_ms, chance.choice(ROOMS))
        else:
            self._on_discord(said_ms, chance.choice((*CHANNELS, DIALOGUE)))

    # -- Twitch

    def _on_twitch(self, said_ms: int, room: str) -> None:
        chance = self._chance
        said = self._new_message(str(uuid.UUID(int=chance.getrandbits(128), version=4)), said_ms, room)
        exempt = {"moderator"} if int(said.author) % 10 == 1 else set()
        exempt |= {"mention"} if "@" in said.content else set()
        exempt |= {"reply"} if said.reply_to else set()
        said = replace(said, exempt=frozenset(exempt))
        self._said[room].append(said)
        first, second = _irc, _eventsub
        if chance.random() < 0.3:
            first, second = second, first
        self._at(said_ms + chance.randrange(30, 400), _twitch(first(said)))
        if chance.random() < 0.7:
            later_ms = said_ms + chance.choice((1, 500, 20_000))
            self._at(later_ms + 400, _twitch(second(replace(said, time_ms=later_ms))))
        if chance.random() < 0.15:
            again_ms = said_ms + chance.randrange(1_000, 20 * _MINUTE_MS)
            self._at(again_ms + 50, _twitch(_eventsub(replace(said, time_ms=again_ms))))
        if chance.random() < 0.05:
            self._at(said_ms + chance.randrange(500, 5 * _MINUTE_MS), self._deletion_of(said))
        if chance.random() < 0.02:
            whose = None if chance.random() < 0.3 else said.author
            self._at(said_ms + chance.randrange(10, _MINUTE_MS), lambda ms: _twitch_clear(room, whose, ms))
        if chance.random() < 0.03:
            self._at(said_ms + 5, lambda ms: _beside("twitch", room, twitch_wire.roomstate(room), ms))
        if chance.random() < 0.03:
            self._at(said_ms + 6, self._twitch_rubbish(room))

    def _deletion_of(self, said: Said) -> Callable[[int], Delivery]:
        by_irc = self._chance.random() < 0.5

        def make(came_ms: int) -> Delivery:
            # Twitch tells when it was deleted, and not when it was said.
            fact = TakenBack(said.source_id, said.channel, None, came_ms - 20)
            value = twitch_wire.deletion_line(fact) if by_irc else twitch_wire.deletion_envelope(fact)
            return Delivery("twitch", said.channel, value, came_ms, (fact,))

        return make

    def _twitch_rubbish(self, room: str) -> Callable[[int], Delivery]:
        value, reason = self._chance.choice(
            (
                (twitch_wire.without_id(room), Reason.MISSING_FIELD),
                (b'{"metadata": ', Reason.NOT_JSON),
                (b"[7]", Reason.NOT_AN_EVENT),
                (b"", Reason.EMPTY),
            )
        )
        return lambda ms: Delivery("twitch", room, value, ms, (reason,))

    # -- Discord

    def _on_discord(self, said_ms: int, channel: str) -> None:
        chance = self._chance
        said = self._new_message(discord_wire.snowflake(said_ms, next(self._number)), said_ms, channel)
        exempt = {"reply"} if said.reply_to else set()
        if chance.random() < 0.1:
            exempt.add("mention")
        said = replace(said, exempt=frozenset(exempt))
        if chance.random() < 0.08:
            self._promised_answer(said)
            return
        self._said[channel].append(said)
        # Some come late: after what became of them.
        delay_ms = 5 * _MINUTE_MS if chance.random() < 0.05 else 100
        # Of some, nobody ever tells but by an edit.
        if chance.random() > 0.02:
            self._at(said_ms + delay_ms, _discord(said))
            if chance.random() < 0.1:
                self._at(said_ms + delay_ms + chance.randrange(1, _MINUTE_MS), _discord(said))
        edits = chance.choices((0, 1, 2, 3), (75, 15, 6, 4))[0]
        for edited_ms in sorted(chance.sample(range(said_ms + 1_000, said_ms + 4 * _MINUTE_MS), edits)):
            self._edit(said, edited_ms)
        if chance.random() < 0.08:
            self._delete(said, said_ms + chance.randrange(200, 6 * _MINUTE_MS))
        if chance.random() < 0.05:
            self._at(said_ms + 900, lambda ms: _beside("discord", channel, discord_wire.preview(said), ms))
        if chance.random() < 0.03:
            self._at(said_ms + 5, lambda ms: _beside("discord", channel, discord_wire.typing(channel), ms))
        if chance.random() < 0.03:
            self._at(said_ms + 6, self._discord_rubbish(said_ms, channel))

    def _promised_answer(self, said: Said) -> None:
        """A program promises an answer, and fills it in later."""
        said = replace(said, role="bot", author=BOT, name="Bot", reply_to=None, exempt=frozenset())
        promise = replace(said, content="", message_type="loading")
        answer = replace(said, message_type="slash_answer")
        fill = Changed(said.source_id, said.content, None, said.time_ms, said.channel, answer, "slash_answer")
        self._at(said.time_ms + 100, _discord(promise))
        filled_ms = said.time_ms + self._chance.choice((101, 3_000, 60_000))
        self._at(filled_ms, _discord_update(fill))

    def _edit(self, said: Said, edited_ms: int) -> None:
        chance = self._chance
        content = f"{said.content} (edited {edited_ms})"
        whole = replace(said, content=content) if chance.random() < 0.85 else None
        update = Changed(said.source_id, content, edited_ms, said.time_ms, said.channel, whole)
        # Out of order, now and then, and twice.
        came_ms = edited_ms + chance.choice((80, 90, 100_000))
        self._at(came_ms, _discord_update(update))
        if chance.random() < 0.2:
            self._at(came_ms + chance.randrange(1, _MINUTE_MS), _discord_update(update))

    def _delete(self, said: Said, came_ms: int) -> None:
        others = self._said[said.channel][-4:-1] if self._chance.random() < 0.2 else []
        doomed = (*others, said)

        def make(ms: int) -> Delivery:
            facts = tuple(TakenBack(each.source_id, each.channel, each.time_ms, None) for each in doomed)
            ids = [each.source_id for each in doomed]
            value = (
                discord_wire.delete(ids[0], said.channel)
                if len(ids) == 1
                else discord_wire.delete_bulk(ids, said.channel)
            )
            return Delivery("discord", said.channel, value, ms, facts)

        self._at(came_ms, make)

    def _discord_rubbish(self, said_ms: int, channel: str) -> Callable[[int], Delivery]:
        of_nobody = discord_wire.snowflake(said_ms, next(self._number))
        value, reason = self._chance.choice(
            (
                (discord_wire.without_author(channel, of_nobody), Reason.MISSING_FIELD),
                (b"\xff\x00not json", Reason.NOT_JSON),
                (b'{"op": 0, "t": 7}', Reason.NOT_AN_EVENT),
            )
        )
        return lambda ms: Delivery("discord", channel, value, ms, (reason,))

    # -- both

    def _new_message(self, source_id: str, said_ms: int, channel: str) -> Said:
        chance = self._chance
        author = chance.randrange(100, 100 + PEOPLE)
        # When a message was said that is answered later than that, Twitch's events do not tell.
        earlier = [each for each in self._said[channel][-20:] if said_ms - each.time_ms < ANSWERED_WITHIN_MS]
        is_reply = bool(earlier) and chance.random() < 0.1
        return Said(
            source_id,
            said_ms,
            channel,
            "dialogue" if channel == DIALOGUE else "channel",
            str(author),
            f"P{author}",
            f"{chance.choice(_WORDS)} {next(self._number)}",
            reply_to=chance.choice(earlier).source_id if is_reply else None,
        )


def _irc(said: Said) -> tuple[Said, bytes]:
    return said, twitch_wire.line(said)


def _eventsub(said: Said) -> tuple[Said, bytes]:
    return said, twitch_wire.envelope(said)


def _twitch(told: tuple[Said, bytes]) -> Callable[[int], Delivery]:
    said, value = told
    return lambda ms: Delivery("twitch", said.channel, value, ms, (said,))


def _twitch_clear(room: str, whose: str | None, came_ms: int) -> Delivery:
    clear = Cleared(room, whose, came_ms - 10)
    return Delivery("twitch", room, twitch_wire.clear_line(clear), came_ms, (clear,))


def _discord(said: Said) -> Callable[[int], Delivery]:
    return lambda ms: Delivery("discord", said.channel, discord_wire.create(said), ms, (said,))


def _discord_update(changed: Changed) -> Callable[[int], Delivery]:
    return lambda ms: Delivery("discord", changed.channel, discord_wire.update(changed), ms, (changed,))


def _beside(platform: str, channel: str, value: bytes, came_ms: int) -> Delivery:
    """Return an event in which nothing is said."""
    facts: tuple[Fact, ...] = ()
    return Delivery(platform, channel, value, came_ms, facts)
