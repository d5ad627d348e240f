"""Records of the topic of messages are read whatever is in them: what is none is bad, and no more."""

import pytest

from models.errors import BadRecord, Reason
from models.records import decode_record, message_told_in

_DEEP = 100_000
_NESTED = [
    b'{"op":"seen","platform":"twitch","id":"i","more":' + b"[" * _DEEP + b"]" * _DEEP + b"}",
    b'{"op":' + b'{"op":' * _DEEP + b"1" + b"}" * _DEEP + b"}",
    b'{"op":"edit","platform":"twitch","source":"s","content":"c","message":' * _DEEP + b"1" + b"}" * _DEEP,
]


@pytest.mark.parametrize("raw", _NESTED, ids=["unknown field", "operation", "message"])
def test_what_is_nested_too_deep_is_bad(raw: bytes) -> None:
    with pytest.raises(BadRecord) as refused:
        decode_record(raw)
    assert refused.value.reason in {Reason.TOO_DEEP, Reason.WRONG_TYPE}
    assert message_told_in(raw) is None


@pytest.mark.parametrize("told", [b"no id", b"", b"019b7b98-1684-88cf-87c5-0e578ea4d65g"])
def test_only_a_message_with_an_id_is_one_that_was_told(told: bytes) -> None:
    for raw in (b'{"op":"seen","id":"%b"}' % told, b'{"op":"edit","message":{"id":"%b"}}' % told):
        assert message_told_in(raw) is None
