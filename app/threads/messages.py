"""Messages of threads: written, read, edited, deleted, for whom `models.access.may` lets in."""

from __future__ import annotations

import time
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID

import orjson

from app.access import NotAllowed
from app.postgres.answers import answer_within
from app.threads.keys import AskedOnce
from app.threads.posts import NewPost, PostOutcome, PostWriter
from app.threads.rows import (
    Changed,
    KnownPost,
    KnownThread,
    NoSuchPost,
    NoSuchThread,
    ThreadIsFull,
    UnusablePost,
)
from app.threads.writers import check_may_change
from app.web.paging import Place
from models.access import THREADS, Action, may, thread_thing
from models.errors import BadRecord
from models.ids import message_id, time_of
from models.threads import is_matched, split_content, whole_content
from sinks.sql import statements

if TYPE_CHECKING:
    from collections.abc import Mapping

    import asyncpg

    from app.threads.rows import ThreadHead
    from app.threads.service import LearnerThreads
    from models.access import Caller

_SQL = statements("threads")


@dataclass(frozen=True, slots=True, kw_only=True)
class PostFilter:
    """Which messages of a thread are looked for: those to which all that is given applies.

    Attributes:
        sender: who wrote them.
        message_type: what kind.
        since: not written before this.
        until: written before this.
    """

    sender: str | None = None
    message_type: str | None = None
    since: datetime | None = None
    until: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PostDraft:
    """A message that somebody wants written.

    Attributes:
        content: a text, or an object with `text` or `parts`.
        message_type: what kind, in the client's words.
        sender: who wrote it; None for who asks.
        role: who speaks; None for what they are.
        reply_to: which message of the thread it answers.
        metadata: whatever is to be kept beside.
    """

    content: str | dict[str, Any]
    message_type: str = "text"
    sender: str | None = None
    role: str | None = None
    reply_to: UUID | None = None
    metadata: Mapping[str, Any]

    def as_json(self) -> list[Any]:
        """Return all of it, to tell one from another."""
        content = {"text": self.content} if isinstance(self.content, str) else self.content
        reply_to = None if self.reply_to is None else str(self.reply_to)
        return [content, self.message_type, self.sender, self.role, reply_to, dict(self.metadata)]


class ThreadMessages:
    """The messages of threads.

    Args:
        pool: connections as the role of the API.
        threads: what they are in.
        writer: by which they are written.
        at_most: how many a thread holds.
    """

    def __init__(
        self, pool: asyncpg.Pool[asyncpg.Record], threads: LearnerThreads, writer: PostWriter, at_most: int
    ) -> None:
        self._pool = pool
        self._threads = threads
        self._writer = writer
        self._at_most = at_most

    async def write(self, caller: Caller, thread: UUID, draft: PostDraft, key: str | None) -> KnownPost:
        """Write a message; sent again under the same key, return the one that was written.

        It is there for whoever reads when this returns.

        Raises:
            NoSuchThread: there is none, or they may not see it.
            NotAllowed: they may not write there, or not in another's name.
            UnusablePost: it answers no message of the thread, or the database cannot hold it.
            ThreadIsFull: there is no room.
            KeyUsed: the key stands for something else.
        """
        head = await self._threads.head(caller, Action.WRITE_THREADS, thread)
        sender, role = _speaker(caller, draft, head)
        once = AskedOnce.of(caller, key, str(thread), draft.as_json())
        async with answer_within():
            if once is not None and (made := await once.find(self._pool)) is not None:
                return await self._read(head, made)
            if draft.reply_to is not None and not await self._is_there(head, draft.reply_to):
                raise UnusablePost("reply_to: there is no such message in this thread.")
            # Whoever made the thread may have a clock that is ahead: no message is from before its thread.
            now_ms = max(time.time_ns() // 1_000_000, round(head.started.timestamp() * 1000))
            text, kept = split_content(draft.content, draft.metadata)
            post = NewPost(
                head.tenant,
                UUID(message_id(THREADS, str(uuid.uuid4()), now_ms)),
                now_ms,
                thread,
                {
                    "role": role,
                    "author_id": sender,
                    "content": text,
                    "message_type": draft.message_type,
                    "reply_to": draft.reply_to,
                    "metadata": kept,
                    "caller": None if once is None else once.caller,
                    "key": None if once is None else once.key,
                    "digest": None if once is None else once.digest.hex(),
                },
            )
            try:
                while await self._writer.write(post) is PostOutcome.LEFT_OUT:
                    if (there := await self._left_out(head, once)) is not None:
                        return there
            except BadRecord:
                raise UnusablePost("PostgreSQL cannot hold this message: make it smaller.") from None
        content, metadata = whole_content(text, kept)
        moment = datetime.fromtimestamp(now_ms / 1000, UTC)
        return KnownPost(
            post.id,
            thread,
            moment,
            role,
            sender,
            content,
            draft.message_type,
            draft.reply_to,
            metadata,
            None,
        )

    async def read(self, caller: Caller, thread: UUID, message: UUID) -> KnownPost:
        """Return a message.

        Raises:
            NoSuchThread, NoSuchPost: there is none, or they may not see it.
        """
        head = await self._threads.head(caller, Action.READ_THREADS, thread)
        async with answer_within():
            return await self._read(head, message)

    async def find(
        self,
        caller: Caller,
        thread: UUID,
        wanted: PostFilter,
        *,
        newest_first: bool,
        after: Place | None,
        limit: int,
    ) -> tuple[list[KnownPost], Place | None]:
        """Return messages of a thread, and the place of what follows.

        Raises:
            NoSuchThread: there is none, or they may not see it.
        """
        head = await self._threads.head(caller, Action.READ_THREADS, thread)
        place = (None, None) if after is None else (after.moment, UUID(after.key))
        statement = _SQL.find_newest_messages if newest_first else _SQL.find_messages
        async with answer_within():
            rows = await self._pool.fetch(
                statement,
                head.tenant,
                thread,
                head.started,
                *place,
                wanted.sender,
                wanted.message_type,
                wanted.since,
                wanted.until,
                limit + 1,
            )
        if not rows:
            # It may have been deleted since its head was remembered.
            await self._threads.read(caller, thread)
        found = [KnownPost.of(row) for row in rows[:limit]]
        following = Place(found[-1].timestamp, str(found[-1].id)) if len(rows) > limit else None
        return found, following

    async def edit(
        self, caller: Caller, thread: UUID, message: UUID, changes: Mapping[str, Any], *, if_match: str | None
    ) -> KnownPost:
        """Change of a message what is given: `content`, `message_type`, `metadata`; what it was is kept.

        Raises:
            NoSuchThread, NoSuchPost: there is none, or they may not see it.
            NotAllowed: it is not theirs, and they do not moderate; or they only read.
            Changed: it is not what they saw.
        """
        async with answer_within(), self._threads.changing(caller.tenant) as connection:
            known = await self._hold(connection, caller, thread, message, if_match)
            text, kept = split_content(
                changes.get("content", known.content), changes.get("metadata", known.metadata)
            )
            row = await connection.fetchrow(
                _SQL.edit_message,
                caller.tenant,
                thread,
                message,
                known.timestamp,
                text,
                changes.get("message_type", known.message_type),
                None if kept is None else orjson.dumps(kept).decode(),
                caller.id,
            )
        return KnownPost.of(row)  # type: ignore[arg-type]  # it is held

    async def delete(self, caller: Caller, thread: UUID, message: UUID, *, if_match: str | None) -> None:
        """Take back a message: no text of it stays; conversations show that there was one.

        Raises:
            NoSuchThread, NoSuchPost: there is none, or they may not see it.
            NotAllowed: it is not theirs, and they do not moderate; or they only read.
            Changed: it is not what they saw.
        """
        async with answer_within(), self._threads.changing(caller.tenant) as connection:
            known = await self._hold(connection, caller, thread, message, if_match)
            await connection.execute(
                _SQL.delete_message, caller.tenant, thread, message, known.timestamp, caller.id
            )

    async def _hold(
        self,
        connection: asyncpg.Connection[asyncpg.Record],
        caller: Caller,
        thread: UUID,
        message: UUID,
        if_match: str | None,
    ) -> KnownPost:
        """Return a message that the caller may change, in a thread that nobody else writes into meanwhile."""
        held = await self._threads.hold(connection, caller, Action.READ_THREADS, thread)
        moment = moment_of(message)
        row = None
        if moment is not None:
            row = await connection.fetchrow(_SQL.hold_message, caller.tenant, thread, message, moment)
        if row is None:
            raise NoSuchPost
        known = KnownPost.of(row)
        check_may_change(caller, held.head, known.sender)
        if not is_matched(if_match, known.tag):
            raise Changed
        return known

    async def _read(self, head: ThreadHead, message: UUID) -> KnownPost:
        moment = moment_of(message)
        row = None
        if moment is not None:
            row = await self._pool.fetchrow(_SQL.find_message, head.tenant, head.id, message, moment)
        if row is None:
            raise NoSuchPost
        return KnownPost.of(row)

    async def _is_there(self, head: ThreadHead, message: UUID) -> bool:
        moment = moment_of(message)
        return moment is not None and bool(
            await self._pool.fetchval(_SQL.is_in_thread, head.tenant, head.id, message, moment)
        )

    async def _left_out(self, head: ThreadHead, once: AskedOnce | None) -> KnownPost | None:
        """Return the message that another request under the key wrote; else say why none was written.

        Returns:
            None where there is room all the same: one that is written no second time, under its key, was
            counted before it. It can be written now.
        """
        if once is not None and (made := await once.find(self._pool)) is not None:
            return await self._read(head, made)
        row = await self._pool.fetchrow(_SQL.find_thread, head.tenant, head.id)
        if row is None:
            raise NoSuchThread
        if KnownThread.of(row).messages >= self._at_most:
            raise ThreadIsFull(self._at_most)
        return None


def moment_of(message: UUID) -> datetime | None:
    """Return when the message with an id was written; None if it can be none of ours."""
    try:
        return datetime.fromtimestamp(time_of(str(message)) / 1000, UTC)
    except (OverflowError, ValueError, OSError):
        return None


def _speaker(caller: Caller, draft: PostDraft, head: ThreadHead) -> tuple[str, str]:
    """Return who wrote a message, and as what they speak.

    Raises:
        NotAllowed: it is in another's name, and they may not write so.
    """
    sender, role = draft.sender or caller.id, draft.role or "user"
    is_their_own = (sender, role) == (caller.id, "user")
    if not is_their_own and not may(caller, Action.WRITE_FOR_OTHERS, thread_thing(head.tenant, head.learner)):
        raise NotAllowed(
            "You write in your own name alone: leave out sender_id and sender_role, or use a service's token."
        )
    return sender, role
