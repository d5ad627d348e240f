"""What is replaced: read all of it into a pandas frame, and write that as CSV."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from urllib.parse import urlsplit

import pandas as pd
import psycopg  # noqa: F401  loaded before the clock starts
from sqlalchemy import create_engine, text

from app.settings import load_settings
from benchmarks.contenders.exporting import QUERY, SESSION, SURVEYID, tell


def main(path: str) -> None:
    """Export once, and say how that was."""
    url = urlsplit(load_settings().database.require_url())._replace(scheme="postgresql+psycopg").geturl()
    engine = create_engine(url, connect_args={"options": SESSION})
    began = time.perf_counter()
    with engine.connect() as connection:
        frame = pd.read_sql(text(QUERY.format(surveyid=SURVEYID)), connection)
    frame.to_csv(path, index=False)
    tell(len(frame), time.perf_counter() - began, Path(path).stat().st_size)


if __name__ == "__main__":
    main(sys.argv[1])
