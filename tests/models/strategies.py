"""What hypothesis draws from: any JSON, as values and as the bytes a client may send."""

import json
from typing import Any

from hypothesis import strategies as st

#: Text as JSON can carry it, U+0000 and lone surrogates included.
any_text = st.text(st.characters(exclude_categories=()), max_size=20)

#: Text as everything behind the decoding sees it.
clean_text = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=20)


def json_values(
    text: st.SearchStrategy[str], *, whole_numbers: st.SearchStrategy[int]
) -> st.SearchStrategy[Any]:
    scalars = (
        st.none() | st.booleans() | whole_numbers | st.floats(allow_nan=False, allow_infinity=False) | text
    )
    return st.recursive(
        scalars,
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(text, inner, max_size=4),
        max_leaves=12,
    )


any_json = json_values(any_text, whole_numbers=st.integers())
clean_json = json_values(clean_text, whole_numbers=st.integers(-(2**63), 2**64 - 1))


def as_bytes(value: Any) -> bytes:
    """Encode as plain ASCII JSON, the only way to write a lone surrogate."""
    return json.dumps(value).encode()


def nested(levels: int, opening: bytes = b'{"a":', closing: bytes = b"}") -> bytes:
    """Return JSON that is that many levels deep."""
    return opening * levels + b"1" + closing * levels
