"""The leads of a run, and what it has met: a table of its own on the disk, so that any number has a place.

A file without a name: it goes with this process, however that ends.
"""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING, TypeVar

import msgspec

from models.audits import AuditLead
from sinks.postgres.audits import AuditTalk

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from types import TracebackType
    from typing import Self

Item = TypeVar("Item", AuditLead, AuditTalk)

#: What is kept in memory; leads beyond it, about 100,000, are on the disk.
_CACHE_KIB = 24 * 1024
_SETUP = f"""
    PRAGMA journal_mode = OFF;
    PRAGMA synchronous = OFF;
    PRAGMA cache_size = -{_CACHE_KIB};
    CREATE TABLE leads (id TEXT PRIMARY KEY, told BLOB NOT NULL) WITHOUT ROWID;
    CREATE TABLE talks (id TEXT PRIMARY KEY, told BLOB NOT NULL) WITHOUT ROWID;
    CREATE TABLE audits (id TEXT PRIMARY KEY, digest BLOB NOT NULL) WITHOUT ROWID;
"""
_encode, _as_json = msgspec.msgpack.encode, msgspec.json.encode
_lead = msgspec.msgpack.Decoder(AuditLead).decode
_talk = msgspec.msgpack.Decoder(AuditTalk).decode


class LeadBook:
    """Finds leads by their ids, and the conversations with them that the run knows. A context manager."""

    def __init__(self) -> None:
        self._db = sqlite3.connect("", isolation_level=None)
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

    def add_talks(self, talks: Mapping[str, AuditTalk]) -> None:
        """Keep conversations, by lead."""
        self._add("talks", ((lead, _encode(talk)) for lead, talk in talks.items()))

    def talks(self, leads: Iterable[str]) -> dict[str, AuditTalk]:
        """Return the conversations that are known of these leads."""
        return {key: _talk(told) for key, told in self._find("talks", leads)}

    def add_audits(self, digests: Mapping[str, bytes]) -> None:
        """Keep what was taken of audits, for a run that writes nothing."""
        self._add("audits", digests.items())

    def audits(self, ids: Iterable[str]) -> dict[str, bytes]:
        """Return what was taken of those of these audits that are known."""
        return dict(self._find("audits", ids))

    def _add(self, table: str, rows: Iterable[tuple[str, bytes]]) -> None:
        self._db.execute("BEGIN")
        self._db.executemany(_PUT[table], rows)
        self._db.execute("COMMIT")

    def _find(self, table: str, ids: Iterable[str]) -> Iterable[tuple[str, bytes]]:
        yield from self._db.execute(_GET[table], (_as_json(list(ids)).decode(),))


_PUT = {
    "leads": "INSERT OR REPLACE INTO leads VALUES (?, ?)",
    "talks": "INSERT OR REPLACE INTO talks VALUES (?, ?)",
    "audits": "INSERT OR REPLACE INTO audits VALUES (?, ?)",
}
_GET = {
    "leads": "SELECT id, told FROM leads WHERE id IN (SELECT value FROM json_each(?))",
    "talks": "SELECT id, told FROM talks WHERE id IN (SELECT value FROM json_each(?))",
    "audits": "SELECT id, digest FROM audits WHERE id IN (SELECT value FROM json_each(?))",
}
