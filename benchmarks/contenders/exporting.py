"""What contenders that export have in common: the rows they read, and what they say at the end.

They take their own time, without the start of the interpreter, and tell the most memory that they had, which
the watch from outside sees only now and then.
"""

from __future__ import annotations

import sys
from pathlib import Path

import orjson

OWNER, SURVEY = "bench@example.org", "bench"
SURVEYID = "0c9d4d0e-6f0a-4c6e-a9f3-0123456789ab"
CSV, GZIP, PARQUET, XLSX = "csv", "csv.gz", "parquet", "xlsx"
#: The columns and the order of ours, read as ours are: by walking the index.
QUERY = """SELECT
    userid, pageid, timestamp, direction, content, question_ref, shortcode, surveyid, message_type,
    metadata::text AS metadata, raw_payload::text AS raw_payload
FROM chat_log WHERE surveyid = '{surveyid}' ORDER BY userid, timestamp, direction"""
SESSION = "-c enable_sort=off -c enable_bitmapscan=off -c jit=off -c statement_timeout=0"


def tell(rows: int, seconds: float, size_bytes: int) -> None:
    """Say what was done, to whoever measures."""
    said = {"rows": rows, "seconds": seconds, "bytes": size_bytes, "peak_mb": _peak_mb()}
    sys.stdout.buffer.write(orjson.dumps(said) + b"\n")


def _peak_mb() -> float:
    for line in Path("/proc/self/status").read_text("ascii").splitlines():
        if line.startswith("VmHWM"):
            return int(line.split()[1]) * 1024 / 1e6
    return 0.0
