"""What holds for every platform's functions, whatever they are given."""

from collections.abc import Callable
from typing import Any

import msgspec
import orjson
from hypothesis import strategies as st

from models.errors import BadRecord
from models.messages import UNKNOWN, Extraction
from models.platforms import PLATFORMS
from tests.models.strategies import any_json, as_bytes

#: What a broken producer may send: anything.
any_bytes = st.binary(max_size=200) | any_json.map(as_bytes)
#: What may be none, and is never empty.
_IDS = (
    "source_id",
    "channel",
    "conversation",
    "author_id",
    "reply_to",
    "refers_to",
    "parent_channel",
    "parent",
)


def assert_total(platform: str, raw: bytes | None) -> None:
    """Assert that any record comes to something that can be stored, or is refused, and can be keyed."""
    offered = PLATFORMS[platform]
    try:
        extraction = offered.extract(raw)
    except BadRecord:
        pass
    else:
        assert extraction.kind in offered.kinds or (extraction.kind == UNKNOWN and extraction.unknown)
        for item in extraction.found:
            built = msgspec.to_builtins(item)
            assert orjson.loads(orjson.dumps(built)) == built
            assert all(getattr(item, name, None) != "" for name in _IDS)
    assert raw is None or offered.key_of(raw) != ""


def the_one(extract: Callable[[bytes | None], Extraction], raw: bytes) -> Any:
    """Return the one thing that an event comes to."""
    (item,) = extract(raw).found
    return item
