"""Documents of others whose SQL has to run here as they show it, and how to take it from them.

hybrid_chat_logging.md           of a bot that listens to Twitch, Discord and VRChat: blocks of SQL
chat_conversation_logging.md     of a website with an assistant: SQL in TypeScript, with ${…} for values
audit_backfill.md                of an application whose audit log tells what was said with its leads
"""

from __future__ import annotations

import re
from pathlib import Path

_HERE = Path(__file__).parent
_BLOCK = re.compile(r"^```sql\n(.*?)^```", re.MULTILINE | re.DOTALL)
_TEMPLATE = re.compile(r"sql`\s*(.*?)\s*`", re.DOTALL)
_VALUE = re.compile(r"\$\{[^}]*\}")
_COMMENT = re.compile(r"^--.*\n", re.MULTILINE)


def sql_shown_in(document: str | Path) -> list[str]:
    """Return what the blocks of SQL hold, divided where a command ends, without comments and blank lines.

    Args:
        document: one of these, by its name; or another, by its whole path.
    """
    blocks = _BLOCK.findall((_HERE / document).read_text(encoding="utf-8"))
    parts = [part for block in blocks for part in re.split(r";\n|\n\n", _COMMENT.sub("", block))]
    return [part.strip().removesuffix(";") for part in parts if part.strip()]


def sql_called_in(document: str) -> list[str]:
    """Return the statements that its TypeScript runs, with `$1`, `$2`, … where it puts values."""
    return [_numbered(text) for text in _TEMPLATE.findall((_HERE / document).read_text(encoding="utf-8"))]


def _numbered(template: str) -> str:
    numbers = iter(range(1, 100))
    return _VALUE.sub(lambda _: f"${next(numbers)}", template)
