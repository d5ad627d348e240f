"""Figures as CSV, for spreadsheets: a row each, under the names that the API has for its parts."""

from __future__ import annotations

import csv
import io
import re
from typing import TYPE_CHECKING

from fastapi import Response

from sinks.exports.cells import FORMULA_STARTS, UNSEEN

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pydantic import BaseModel

#: What a spreadsheet takes for a formula, as in the files of exports.
_FORMULA = re.compile(
    f"[{''.join(f'{chr(first)}-{chr(last)}' for first, last in UNSEEN)}]*[{re.escape(FORMULA_STARTS)}]"
)


def as_csv(rows: Sequence[BaseModel], name: str) -> Response:
    """Return an answer that a browser keeps as a file.

    Args:
        rows: of one kind; without any, the file is empty.
        name: of the file, without its ending.
    """
    text = io.StringIO()
    if rows:
        writer = csv.DictWriter(text, list(type(rows[0]).model_fields), lineterminator="\r\n")
        writer.writeheader()
        for row in rows:
            writer.writerow({key: _cell(value) for key, value in row.model_dump(mode="json").items()})
    # The mark at the beginning has Excel read UTF-8.
    return Response(
        "\ufeff" + text.getvalue(),
        media_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="{name}.csv"'},
    )


def _cell(value: object) -> object:
    if isinstance(value, list):
        return " ".join(str(each) for each in value)
    if isinstance(value, str) and _FORMULA.match(value):
        return f"'{value}"
    return value
