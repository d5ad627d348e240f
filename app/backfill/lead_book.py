"""The leads of a run, and what it has met: a table of its own on the disk, so that any number has a place.

A file without a name: it goes with this process, however that ends.
"""

from __future__ import annotations

import sqlite3
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import msgspec

from models.audits import AuditLead
from models.errors import ChatlogError, MustAct

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from types import TracebackType
    from typing import Self

#: What is kept in memory; leads beyond it, about 100,000, are on the disk.
_CACHE_KIB = 24 * 1024
_SETUP = f"""
    PRAGMA journal_mode = OFF;
    PRAGMA synchronous = OFF;
    PRAGMA cache_size = -{_CACHE_KIB};
    CREATE TABLE leads (id TEXT PRIMARY KEY, told BLOB NOT NULL) WITHOUT ROWID;
    CREATE TABLE met (id TEXT PRIMARY KEY) WITHOUT ROWID;
    CREATE TABLE audits (id TEXT PRIMARY KEY, digest BLOB NOT NULL) WITHOUT ROWID;
"""
_encode, _as_json = msgspec.msgpack.encode, msgspec.json.encode
_lead = msgspec.msgpack.Decoder(AuditLead).decode


class BookUnwritable(ChatlogError):
    """The leads cannot be kept on the disk; the message says why, and what to do."""

    must_act = MustAct.OPERATOR


class LeadBook:
    """Finds leads by their ids, and tells which of them the run has met. A context manager.

    What is asked raises BookUnwritable where the disk is full, or not to be written.
    """

    def __init__(self) -> None:
        self._db = sqlite3.connect("", isolation_level=None)
        with _told():
            self._db.executescript(_SETUP)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._db.close()

    def add_leads(self, leads: Iterable[AuditLead]) -> None:
        """Keep leads; of two with one id, the later."""
        self._add("leads", ((lead.id, _encode(lead)) for lead in leads))

    def leads(self, ids: Iterable[str]) -> dict[str, AuditLead]:
        """Return those of these leads that there are."""
        return {key: _lead(told) for key, told in self._find("leads", ids)}

    def add_met(self, leads: Iterable[str]) -> None:
        """Keep that there are conversations with these leads, which were counted."""
        self._add("met", ((lead,) for lead in leads))

    def met(self, leads: Iterable[str]) -> set[str]:
        """Return those of these leads that were met."""
        return {lead for (lead,) in self._find("met", leads)}

    def add_audits(self, digests: Mapping[str, bytes]) -> None:
        """Keep what was taken of audits, for a run that writes nothing."""
        self._add("audits", digests.items())

    def audits(self, ids: Iterable[str]) -> dict[str, bytes]:
        """Return what was taken of those of these audits that are known."""
        return dict(self._find("audits", ids))

    def _add(self, table: str, rows: Iterable[tuple[Any, ...]]) -> None:
        with _told():
            self._db.execute("BEGIN")
            self._db.executemany(_PUT[table], rows)
            self._db.execute("COMMIT")

    def _find(self, table: str, ids: Iterable[str]) -> list[tuple[Any, ...]]:
        with _told():
            return self._db.execute(_GET[table], (_as_json(list(ids)).decode(),)).fetchall()


@contextmanager
def _told() -> Iterator[None]:
    try:
        yield
    except sqlite3.OperationalError as error:
        raise BookUnwritable(
            f"The leads of a run are in a temporary file while it lasts, and that fails: {error}; give its "
            "disk space, or name a directory on another with SQLITE_TMPDIR"
        ) from None


_PUT = {
    "leads": "INSERT OR REPLACE INTO leads VALUES (?, ?)",
    "met": "INSERT OR IGNORE INTO met VALUES (?)",
    "audits": "INSERT OR REPLACE INTO audits VALUES (?, ?)",
}
_GET = {
    "leads": "SELECT id, told FROM leads WHERE id IN (SELECT value FROM json_each(?))",
    "met": "SELECT id FROM met WHERE id IN (SELECT value FROM json_each(?))",
    "audits": "SELECT id, digest FROM audits WHERE id IN (SELECT value FROM json_each(?))",
}
