"""An entry, column by column, whether its JSON was parsed or not."""

from typing import Any

import msgspec
import orjson

from models.entries import ChatLogEntry

COLUMNS = ChatLogEntry.__struct_fields__


def values(entry: ChatLogEntry) -> dict[str, Any]:
    """Return the values by column; JSON that was not parsed is parsed."""
    given = {name: getattr(entry, name) for name in COLUMNS}
    return {
        name: orjson.loads(bytes(value)) if isinstance(value, msgspec.Raw) else value
        for name, value in given.items()
    }
