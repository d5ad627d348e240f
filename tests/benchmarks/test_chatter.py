"""What a crowd says is what its platform would send: a message each, keyed by its channel, every id once."""

from __future__ import annotations

import pytest

from benchmarks.chatter import Chatter, Crowd
from models.messages import Message
from models.platforms import PLATFORMS

STARTS_MS = 1_790_000_000_000
CROWD = Crowd(chatters=50, channels=4)


@pytest.fixture(params=["twitch", "discord"])
def chatter(request: pytest.FixtureRequest) -> Chatter:
    return Chatter(request.param, CROWD)


def test_each_event_is_a_message_of_the_channel_that_it_is_keyed_by(chatter: Chatter) -> None:
    platform = PLATFORMS[chatter.platform]
    for key, event in chatter.events(200, start_ms=STARTS_MS, per_s=100):
        (message,) = platform.extract(event).found
        assert isinstance(message, Message)
        assert message.channel == platform.key_of(event) == key.decode()


def test_a_crowd_says_the_same_every_time_at_its_pace(chatter: Chatter) -> None:
    extract = PLATFORMS[chatter.platform].extract
    events = list(chatter.events(200, start_ms=STARTS_MS, per_s=100))
    messages = [found for _, event in events for found in extract(event).found if isinstance(found, Message)]

    assert events == list(chatter.events(200, start_ms=STARTS_MS, per_s=100))
    assert len({message.source_id for message in messages}) == 200
    assert [message.timestamp for message in messages] == [STARTS_MS + 10 * number for number in range(200)]
    assert any(message.reply_to for message in messages)


def test_rooms_are_as_unlike_in_size_as_real_ones() -> None:
    rooms = Crowd(chatters=10_000, channels=100).rooms()
    sizes = [rooms.count(room) for room in range(100)]
    assert sizes[0] > 5 * sizes[9] > 0
