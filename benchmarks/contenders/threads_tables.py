"""The tables of document 004 by SQLAlchemy's ORM, with its indexes, in a schema of their own.

Beside the document's columns, a thread counts its messages: to count rows for `MAX_MESSAGES_PER_THREAD` at
each message would be no contest.
"""

from __future__ import annotations

from datetime import datetime  # noqa: TC003  SQLAlchemy reads it
from typing import Any
from uuid import UUID  # noqa: TC003  SQLAlchemy reads it

from sqlalchemy import DateTime, ForeignKey, Index, MetaData
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

SCHEMA = "plain"


class Base(DeclarativeBase):
    """What all tables here have in common."""

    metadata = MetaData(schema=SCHEMA)


class ThreadRow(Base):
    """A thread of a learner."""

    __tablename__ = "threads"
    __table_args__ = (
        Index("idx_threads_tenant_learner", "tenant_id", "learner_id"),
        Index("idx_threads_updated_at", "updated_at"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    tenant_id: Mapped[str]
    learner_id: Mapped[str]
    title: Mapped[str | None]
    extra: Mapped[dict[str, Any]] = mapped_column("metadata", JSONB)
    message_count: Mapped[int]
    created_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    updated_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))


class MessageRow(Base):
    """A message within a thread."""

    __tablename__ = "messages"
    __table_args__ = (
        Index("idx_messages_thread_id", "thread_id"),
        Index("idx_messages_created_at", "created_at"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    thread_id: Mapped[UUID] = mapped_column(ForeignKey(ThreadRow.id, ondelete="CASCADE"))
    sender_id: Mapped[str]
    sender_role: Mapped[str]
    message_type: Mapped[str]
    content: Mapped[dict[str, Any]] = mapped_column(JSONB)
    reply_to: Mapped[UUID | None]
    extra: Mapped[dict[str, Any]] = mapped_column("metadata", JSONB)
    created_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    updated_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
