"""Another application's leads and audits, as files and as the tables that Prisma makes."""

from __future__ import annotations

import csv
import gzip
import io
import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    import asyncpg

    Row = dict[str, Any]

PRISMA = """
CREATE TYPE "Actor" AS ENUM ('customer', 'user', 'agent', 'assistant', 'system', 'tool', 'webhook');
CREATE TABLE "Lead" (
    id text PRIMARY KEY, "customerId" text, channel text NOT NULL, "messengerPsid" text, phone text,
    stage text, "createdAt" timestamp(3) NOT NULL DEFAULT CURRENT_TIMESTAMP
);
CREATE TABLE "Audit" (
    id text PRIMARY KEY, "leadId" text, actor "Actor" NOT NULL, action text NOT NULL, payload jsonb,
    "createdAt" timestamp(3) NOT NULL DEFAULT CURRENT_TIMESTAMP
);
"""
SNAKE = """
CREATE TABLE "Lead" (
    id uuid PRIMARY KEY, customer_id uuid, channel text, messenger_psid text, phone text, stage text,
    created_at timestamptz
);
CREATE TABLE "Audit" (
    id bigint PRIMARY KEY, lead_id uuid, actor text, action text, payload text, created_at timestamptz
);
"""
DAY = "2026-10-05"


def lead(number: int = 1, **fields: Any) -> Row:
    """A lead as Prisma's JSON has it."""
    values: Row = {
        "id": f"lead-{number}",
        "customerId": f"customer-{number}",
        "channel": "messenger",
        "messengerPsid": f"psid-{number}",
        "phone": None,
        "stage": "done",
        "createdAt": f"{DAY}T08:00:00.000Z",
    }
    return values | fields


def audit(number: int, said: Any = "hello", *, of: int = 1, **fields: Any) -> Row:
    """An audit as Prisma's JSON has it: every minute one."""
    values: Row = {
        "id": f"audit-{number}",
        "leadId": f"lead-{of}",
        "actor": "customer",
        "action": "message_received",
        "createdAt": f"{DAY}T{9 + number // 60:02}:{number % 60:02}:00.000Z",
        "payload": {"text": said} if isinstance(said, str) else said,
    }
    return values | fields


def write_files(
    directory: Path, leads: Sequence[Row], audits: Sequence[Row], *, ending: str = ".jsonl"
) -> str:
    """Write a directory that is a source; return its name for the command."""
    for kind, rows in (("leads", leads), ("audits", audits)):
        text = _csv_of(rows) if ".csv" in ending else "".join(f"{json.dumps(row)}\n" for row in rows)
        data = text.encode()
        (directory / f"{kind}{ending}").write_bytes(gzip.compress(data) if ending.endswith(".gz") else data)
    return str(directory)


def _csv_of(rows: Sequence[Row]) -> str:
    file = io.StringIO()
    writer = csv.DictWriter(file, list(rows[0]))
    writer.writeheader()
    for row in rows:
        cells = {
            name: json.dumps(cell) if isinstance(cell, dict | list) else cell for name, cell in row.items()
        }
        writer.writerow(cells)
    return file.getvalue()


async def fill_tables(
    database: asyncpg.Connection[asyncpg.Record], leads: Iterable[Row], audits: Iterable[Row]
) -> None:
    """Put rows into the tables of `PRISMA`."""
    for table, rows in (("Lead", leads), ("Audit", audits)):
        for row in rows:
            names = ", ".join(f'"{name}"' for name in row)
            await database.execute(
                f'INSERT INTO "{table}" ({names}) '
                f'SELECT {names} FROM jsonb_populate_record(NULL::"{table}", $1)',
                json.dumps(row),
            )
