"""Tables of figures as text: for a terminal, and as Markdown for the documentation."""

from __future__ import annotations

import math
import sys
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.table import Table

if TYPE_CHECKING:
    from collections.abc import Sequence


def for_terminal(title: str, header: Sequence[str], lines: Sequence[Sequence[str]]) -> Table:
    """Return a table for a console."""
    table = Table(*header, title=title)
    for line in lines:
        table.add_row(*line)
    return table


def for_markdown(header: Sequence[str], lines: Sequence[Sequence[str]]) -> str:
    """Return a table for a page of the documentation."""
    return "\n".join(f"| {' | '.join(row)} |" for row in (header, ["---"] * len(header), *lines))


def measured_on(found: dict[str, Any]) -> str:
    """Say in a sentence when and on what the results of a run were measured."""
    machine, versions = found["machine"], found["versions"]
    return (
        f"Measured on {found['at'][:10]} with PostgreSQL {versions['postgresql']}, "
        f"asyncpg {versions['asyncpg']} and Python {versions['python']} on {machine['cores']} cores "
        f"({machine['processor']}), {machine['memory_gb']} GB."
    )


def size_lines(sizes: dict[str, dict[str, int | None]], rows: int) -> list[list[str]]:
    """Return a line for the table and each of its indexes: bytes in all, bytes a row, pages to a leaf."""
    lines = []
    for name, size in sizes.items():
        size_bytes = size["bytes"] or 0
        lines.append(
            [name, f"{size_bytes / 1e6:,.0f}", f"{size_bytes / rows:,.0f}", str(size["depth"] or "")]
        )
    total = sum(size["bytes"] or 0 for size in sizes.values())
    return [*lines, ["all", f"{total / 1e6:,.0f}", f"{total / rows:,.0f}", ""]]


SIZES_HEADER = ("table or index", "MB", "bytes a row", "pages from root to leaf")
#: Of a file or a pipe, which have no width.
_WIDTH = 160


def terminal() -> Console:
    """Return a console that a table fits into."""
    return Console(width=None if sys.stdout.isatty() else _WIDTH, soft_wrap=True)


def percentile(values: Sequence[float], percent: float) -> float:
    """Return the value that so many percent of them do not exceed."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(len(ordered) * percent / 100) - 1)]
