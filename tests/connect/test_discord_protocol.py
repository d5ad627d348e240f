"""What the gateway and its client say to one another."""

from __future__ import annotations

import json
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.connect.discord.history import MARGIN_MS, Time
from app.connect.discord.protocol import (
    Ending,
    Inflater,
    Intent,
    Op,
    decode,
    ending_by,
    heartbeat,
    identify,
    intents_of,
    resume,
)
from models.platforms.discord_messages import snowflake_ms


@pytest.mark.parametrize(
    ("close_code", "ending"),
    [
        (None, Ending.RESUME),
        (1000, Ending.RESUME),
        (1006, Ending.RESUME),
        *((code, Ending.RESUME) for code in (4000, 4001, 4002, 4003, 4005, 4008)),
        *((code, Ending.IDENTIFY) for code in (4007, 4009)),
        *((code, Ending.GIVE_UP) for code in (4004, 4010, 4011, 4012, 4013, 4014)),
        (4999, Ending.RESUME),
    ],
)
def test_a_close_code_says_how_to_go_on(close_code: int | None, ending: Ending) -> None:
    assert ending_by(close_code) is ending


@pytest.mark.parametrize(
    ("text", "is_worth_keeping"),
    [
        ('{"t":"MESSAGE_CREATE","s":1,"op":0,"d":{}}', True),
        ('{"op":0,"d":{},"s":2,"t":"A_KIND_OF_TOMORROW"}', True),
        ('{"t":"TYPING_START","s":3,"op":0,"d":{}}', False),
        ('{"t":"READY","s":1,"op":0,"d":{}}', False),
        ('{"t":null,"s":null,"op":11,"d":null}', False),
        ('{"op":77,"d":"of tomorrow"}', False),
    ],
)
def test_whatever_may_say_something_is_kept(text: str, is_worth_keeping: bool) -> None:
    assert decode(text).is_worth_keeping() is is_worth_keeping


def test_what_is_sent_is_what_discord_documents() -> None:
    begin = json.loads(identify("secret", intents_of(["message_content"]), 1, 4))
    assert begin["op"] == Op.IDENTIFY
    assert begin["d"]["token"] == "secret"
    assert begin["d"]["shard"] == [1, 4]
    assert begin["d"]["intents"] == Intent.GUILDS | Intent.GUILD_MESSAGES | Intent.MESSAGE_CONTENT == 33281
    assert begin["d"]["properties"].keys() == {"os", "browser", "device"}
    assert json.loads(resume("secret", "s", 7)) == {
        "op": 6,
        "d": {"token": "secret", "session_id": "s", "seq": 7},
    }
    assert json.loads(heartbeat(None)) == {"op": 1, "d": None}


@given(st.lists(st.binary(min_size=1, max_size=300), min_size=1), st.integers(1, 40))
def test_payloads_come_out_of_the_stream_as_they_went_in_however_they_are_cut(
    payloads: list[bytes], frame_bytes: int
) -> None:
    stream, inflater = zlib.compressobj(), Inflater()
    for payload in payloads:
        packed = stream.compress(payload) + stream.flush(zlib.Z_SYNC_FLUSH)
        # Discord cuts a payload into frames, and never puts two into one.
        frames = [packed[at : at + frame_bytes] for at in range(0, len(packed), frame_bytes)]
        whole = [each for frame in frames if (each := inflater.payload(frame)) is not None]
        assert b"".join(whole) == payload


@given(st.integers(1_420_070_400_000 + MARGIN_MS, 4_000_000_000_000), st.integers(0, 10**9))
def test_a_time_has_the_ids_of_its_messages_whatever_the_clocks(since_ms: int, lasts_ms: int) -> None:
    time = Time(since_ms, since_ms + lasts_ms)
    assert snowflake_ms(str(time.first_id)) == since_ms - MARGIN_MS
    assert snowflake_ms(str(time.last_id)) == since_ms + lasts_ms + MARGIN_MS
