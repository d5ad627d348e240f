"""Ours: a survey's chat log to a file, as `chatlog export` does, or to object storage, as the workers do.

A worker opens the storage and checks it when it starts, long before a job: so that is done before the clock
starts. It connects to PostgreSQL anew for each file, and so does this, on the clock.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

import uvloop

from app.commands.export_file import NewFile
from app.postgres.connections import connect
from app.settings import load_settings
from app.storage import open_storage
from benchmarks.contenders.exporting import CSV, GZIP, OWNER, PARQUET, SURVEY, XLSX, tell
from models.exports import Compression, ExportOptions, Format, Source
from sinks.exports.stream import WantedExport, Written, content_type_of, write_export

_EVERYTHING = ExportOptions(include_metadata=True, include_raw_payload=True)
_OPTIONS = {
    CSV: _EVERYTHING,
    GZIP: _EVERYTHING.model_copy(update={"compression": Compression.GZIP}),
    PARQUET: _EVERYTHING.model_copy(update={"format": Format.PARQUET}),
    XLSX: _EVERYTHING.model_copy(update={"format": Format.XLSX}),
}
settings = load_settings()


async def main(format_: str, target: str, path: str) -> None:
    """Export once, and say how that was."""
    export = WantedExport(OWNER, SURVEY, Source.CHAT_LOG, _OPTIONS[format_])
    if target == "file":
        await _to_file(export, Path(path))
    else:
        await _to_storage(export)


async def _to_file(export: WantedExport, path: Path) -> None:
    progress, began = Written(), time.perf_counter()
    connection = await connect(settings.database, statement_timeout_s=0)
    async with NewFile(path, replace=True) as file:
        await write_export(connection, export, file.write, progress)
    await connection.close()
    tell(progress.rows, time.perf_counter() - began, progress.bytes)


async def _to_storage(export: WantedExport) -> None:
    key, content_type = "exports/bench/file", content_type_of(export.options)
    async with open_storage(settings.storage, retry_s=settings.exports.retry_s) as storage:
        await storage.check()
        progress, began = Written(), time.perf_counter()
        connection = await connect(settings.database, statement_timeout_s=0)
        async with storage.upload(key, content_type=content_type, file_name="file") as upload:
            await write_export(connection, export, upload.write, progress)
            await upload.complete()
        await connection.close()
        tell(progress.rows, time.perf_counter() - began, progress.bytes)
        await storage.delete(key)


if __name__ == "__main__":
    uvloop.run(main(*sys.argv[1:]))
