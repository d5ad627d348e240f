"""Who watches has a place for as long as that lasts; there are so many, and no caller has all of them."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import pytest

from app.web import streams
from app.web.streams import PlacedStream, TooManyWatch, WatchesTooMuch, WatchPlaces
from models.access import Caller

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from sse_starlette import ServerSentEvent

ANN, BEN = Caller("ann@example.org"), Caller("ben@example.org")


def test_there_is_an_end_to_how_many_watch_and_how_many_of_them_one_caller_is(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(streams, "WATCHERS_MAX", 3)
    monkeypatch.setattr(streams, "WATCHERS_OF_ONE_MAX", 2)
    places = WatchPlaces()
    with ExitStack() as taken:
        for _ in range(2):
            taken.enter_context(places.taken_by(ANN))
        with pytest.raises(WatchesTooMuch):
            taken.enter_context(places.taken_by(ANN))
        taken.enter_context(places.taken_by(Caller(ANN.email, tenant="acme")))
        with pytest.raises(TooManyWatch):
            taken.enter_context(places.taken_by(BEN))
    with ExitStack() as again:
        again.enter_context(places.taken_by(BEN))
        again.enter_context(places.taken_by(ANN))


async def nothing() -> AsyncIterator[ServerSentEvent]:
    return
    yield


async def test_a_stream_has_its_place_until_its_end_and_sends_nothing_without(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(streams, "WATCHERS_MAX", 1)
    places = WatchPlaces()
    sent: list[str] = []

    async def send(message: Any) -> None:
        sent.append(message["type"])

    async def receive() -> Any:
        return {"type": "http.disconnect"}

    async def begin() -> None:
        stream = PlacedStream(places.taken_by(ANN), nothing())
        await stream({"type": "http", "method": "GET"}, receive, send)

    with places.taken_by(BEN):
        with pytest.raises(TooManyWatch):
            await begin()
        assert sent == []
    for _ in range(2):
        await begin()
    assert "http.response.start" in sent
