"""What is kept of a bot's state: labels and counts, and nothing that anybody said."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from models.bot_states import BotState, Standing, bot_state_of, standing_of, states_that_are
from models.errors import BadRecord

SURVEY = "5b0c6c1e-9c39-4b7c-9a54-0a7f3f4be2d1"


def raw(**fields: Any) -> bytes:
    inner = {
        "state": "QOUT",
        "forms": ["first", "second"],
        "question": "consent",
        "qa": [["welcome", "a secret"], ["consent", "another"]],
        "retries": [1, 2, 3],
        "md": {"pageid": "page", "form": "second", "surveyid": SURVEY, "startTime": 5},
    } | fields.pop("inner", {})
    record = {"userid": "ann", "pageid": "page", "updated": 1000, "current_state": "QOUT"} | fields
    return orjson.dumps(record | {"state_json": fields.get("state_json", inner)})


def test_a_state_tells_labels_and_counts_and_nothing_that_was_said() -> None:
    assert bot_state_of(raw()) == BotState(
        "ann", 1000, "page", "QOUT", "consent", "second", SURVEY, answers=2, retries=3, begun=5
    )
    assert "secret" not in repr(bot_state_of(raw()))


def test_state_json_may_be_text() -> None:
    assert bot_state_of(raw(state_json='{"state": "END"}', current_state=None)).state == "END"


@pytest.mark.parametrize(
    ("inner", "told"),
    [
        ({"error": {"tag": "FB", "message": "what she said"}}, {"problem": "FB"}),
        ({"error": {"code": 551}}, {"problem": "551"}),
        ({"wait": {"type": "timeout", "value": "1 day"}}, {"waits_for": "timeout"}),
        ({"md": {"surveyid": "none", "startTime": "yesterday"}}, {"surveyid": None, "begun": None}),
        ({"forms": "first", "qa": {}, "retries": None}, {"shortcode": "second", "answers": 0, "retries": 0}),
        ({"question": 7}, {"question": None}),
        ({"question": "q" * 5000}, {"question": "q" * 200}),
    ],
)
def test_what_is_odd_is_left_out(inner: dict[str, Any], told: dict[str, Any]) -> None:
    state = bot_state_of(raw(inner=inner))
    assert {name: getattr(state, name) for name in told} == told


@pytest.mark.parametrize("value", [None, b"", b"[]", b"{}", raw(userid=None), raw(updated="soon")])
def test_what_tells_not_whose_or_when_is_refused(value: bytes | None) -> None:
    with pytest.raises(BadRecord):
        bot_state_of(value)


def test_every_word_of_the_bots_for_its_state_means_something() -> None:
    assert standing_of("USER_BLOCKED") is Standing.BLOCKED
    assert standing_of("SOMETHING_NEW") is standing_of(None) is Standing.UNKNOWN
    assert all(standing_of(state) is standing for standing in Standing for state in states_that_are(standing))
    assert states_that_are(Standing.ERROR, Standing.WAITS) == ["ERROR", "WAIT_EXTERNAL_EVENT"]
