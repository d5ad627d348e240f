"""How schemathesis sends lines of JSON; it imports this by its name (SCHEMATHESIS_HOOKS)."""

import json
from typing import Any

import schemathesis


@schemathesis.serializer("application/x-ndjson")
def lines_of_json(_: Any, value: Any) -> bytes:
    """Send a text as it is, and what is none, which is against the schema, as a line that is no event."""
    text = value if isinstance(value, str) else json.dumps([value])
    return text.encode(errors="replace")
