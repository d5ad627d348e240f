"""Files and tables as sources of audits: what is read of them, and how much at a time."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import asyncpg
import pytest

from app.backfill.audit_files import AuditFiles
from app.backfill.audit_sources import CHUNK_BYTES, BadRow, SourceUnreadable, WantedAudits
from app.backfill.audit_tables import open_tables
from app.settings.database import DatabaseSettings
from models.audit_columns import UnfitColumns, columns_of
from models.audits import Audit
from tests.backfill.audit_logs import PRISMA, audit, fill_tables, lead, write_files

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from app.backfill.audit_sources import AuditSource
    from tests.backfill.audit_logs import Row

_LARGE = CHUNK_BYTES // 4


def files(place: Path, mapping: Mapping[str, object] | None = None) -> AuditFiles:
    return AuditFiles(place, columns_of(mapping or {}), WantedAudits())


async def audits_of(source: AuditSource) -> list[Audit | BadRow]:
    return [each async for chunk in source.audits() for each in chunk]


async def test_a_mark_of_the_order_of_bytes_is_none_of_the_first_line(tmp_path: Path) -> None:
    (tmp_path / "leads.jsonl").touch()
    (tmp_path / "audits.jsonl").write_text(json.dumps(audit(1)), encoding="utf-8-sig")

    assert [isinstance(each, Audit) for each in await audits_of(files(tmp_path))] == [True]


async def test_half_an_emoji_is_read(tmp_path: Path) -> None:
    write_files(tmp_path, [lead()], [audit(1, "hi \ud83d")])

    (read,) = await audits_of(files(tmp_path))

    assert isinstance(read, Audit)
    assert read.payload == {"text": "hi \ud83d"}


async def test_a_time_in_csv_may_be_a_number(tmp_path: Path) -> None:
    write_files(tmp_path, [lead()], [audit(1, createdAt=1_762_765_200_000)], ending=".csv")

    (read,) = await audits_of(files(tmp_path))

    assert isinstance(read, Audit)
    assert read.at_ms == 1_762_765_200_000


@pytest.mark.parametrize("ending", [".jsonl", ".csv"])
async def test_a_mapping_that_is_mistyped_is_told(tmp_path: Path, ending: str) -> None:
    write_files(tmp_path, [lead()], [audit(1)], ending=ending)

    with pytest.raises(UnfitColumns, match=f"audits{ending} has no column for action"):
        await audits_of(files(tmp_path, {"audit": {"action": "Action"}}))


async def test_a_header_that_is_none_is_told(tmp_path: Path) -> None:
    write_files(tmp_path, [lead()], [audit(1)], ending=".csv")
    (tmp_path / "audits.csv").write_text('"id"x,lead_id\n')

    with pytest.raises(SourceUnreadable, match="has no header of CSV"):
        await audits_of(files(tmp_path))


async def test_the_audits_may_be_one_file_beside_the_leads(tmp_path: Path) -> None:
    write_files(tmp_path, [lead()], [audit(1)], ending=".jsonl.gz")
    file = (tmp_path / "audits.jsonl.gz").rename(tmp_path / "of-october.jsonl.gz")

    source = files(file)

    assert [len(chunk) async for chunk in source.leads()] == [1]
    assert len(await audits_of(source)) == 1
    assert source.name == str(file)
    (tmp_path / "leads.jsonl.gz").unlink()
    with pytest.raises(SourceUnreadable, match="has none of them; it needs one of leads"):
        files(file)


def large_audits() -> list[Row]:
    return [audit(number, {"text": "x" * _LARGE}) for number in range(100)]


async def test_few_large_rows_of_a_file_are_here_at_a_time(tmp_path: Path) -> None:
    for ending in (".jsonl", ".csv"):
        place = tmp_path / ending
        place.mkdir()
        write_files(place, [lead()], large_audits(), ending=ending)

        sizes = [len(chunk) async for chunk in files(place).audits()]

        assert (sum(sizes), max(sizes)) == (100, 4)


async def test_few_large_rows_of_a_table_are_here_at_a_time(second_database_url: str) -> None:
    theirs = await asyncpg.connect(second_database_url)
    try:
        await theirs.execute(PRISMA)
        await fill_tables(theirs, [lead()], large_audits())
    finally:
        await theirs.close()
    database = DatabaseSettings.model_validate({"url": second_database_url})

    async with open_tables(database, columns_of({}), WantedAudits()) as tables:
        sizes = [len(chunk) async for chunk in tables.audits()]

    # Of the first, nobody knows how large they are.
    assert (sum(sizes), max(sizes[1:]) <= CHUNK_BYTES // _LARGE) == (100, True)
