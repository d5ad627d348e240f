"""How sessions are called, and whose they are: by their names alone."""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.turns.names import SessionName, app_of, session_kept_as
from app.turns.sessions import _reach_of
from app.web.cursors import cursor_of, place_of
from app.web.paging import Place
from models.access import Action, may
from tests.turns.logging import caller_of

if TYPE_CHECKING:
    import uuid

SESSIONS = ("s1", "shop:s1", "shop:s2", "help:s1", "shop", "shopping:s1", ":s1")
SCOPES = (
    *("app:shop", "app:help", "app:", "platform:assistant", "platform:twitch", "survey:Baseline"),
    *("channel:assistant/s1", "channel:assistant/shop:s2", "channel:twitch/s1"),
)


@pytest.mark.parametrize(
    ("scope", "asked", "app"),
    [
        ((), None, None),
        ((), "shop", "shop"),
        (("app:shop",), None, "shop"),
        (("app:shop",), "help", "help"),
        (("app:shop", "survey:Baseline"), None, "shop"),
        (("app:shop", "app:help"), None, None),
        (("app:shop", "app:help"), "help", "help"),
        (("app:shop", "platform:assistant"), None, None),
        (("app:shop", "channel:assistant/s1"), None, None),
        (("app:a:b",), None, None),
        (("platform:assistant",), None, None),
    ],
)
def test_whose_sessions_a_caller_means(scope: tuple[str, ...], asked: str | None, app: str | None) -> None:
    assert app_of(caller_of(*scope), asked) == app


@given(scope=st.frozensets(st.sampled_from(SCOPES)), app=st.none() | st.sampled_from(["shop", "help"]))
def test_lists_have_what_the_caller_may_read_and_nothing_else(scope: frozenset[str], app: str | None) -> None:
    caller = caller_of(*scope)
    reach = _reach_of(caller, app)
    begins = "" if app is None else f"{app}:"

    for kept in SESSIONS:
        is_listed = reach is not None and (
            reach.everything or kept in reach.names or kept.startswith(tuple(reach.beginnings))
        )
        is_theirs = may(caller, Action.LOG_TURNS, SessionName(None, kept).thing)
        assert is_listed == (is_theirs and kept.startswith(begins)), kept


@given(app=st.none() | st.sampled_from(["shop", "a.b"]), own=st.text("ab:.", min_size=1))
def test_a_session_is_found_by_what_it_is_kept_as(app: str | None, own: str) -> None:
    session = SessionName(app, own)

    assert session_kept_as(session.kept, app) == session
    assert session_kept_as(session.kept, None).thing == session.thing


@given(moment=st.datetimes(min_value=datetime(1, 1, 2), timezones=st.just(UTC)), key=st.uuids())  # noqa: DTZ001
def test_a_place_is_found_by_its_cursor(moment: datetime, key: uuid.UUID) -> None:
    place = Place(moment, str(key))

    assert place_of(cursor_of(place)) == place


@given(st.text(max_size=60))
def test_what_is_no_cursor_is_an_error_that_is_foreseen(text: str) -> None:
    with suppress(ValueError):
        place = place_of(text)
        assert place_of(cursor_of(place)) == place
