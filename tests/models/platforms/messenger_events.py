"""Messenger events as the webhook passes them on, for the tests to start from."""

from typing import Any

from models.events import Category

USER, PAGE, NOW = "1800244896727776", "1051551461692797", 1_700_000_000_123
SURVEY = "0f5f4b6e-6f0a-4b60-9c3d-1f2a3b4c5d6e"

STATE: dict[str, Any] = {
    "forms": ["intro", "baseline"],
    "question": "q7",
    "md": {"pageid": PAGE, "seed": 12345},
}

FROM_USER: dict[str, Any] = {"sender": {"id": USER}, "recipient": {"id": PAGE}, "timestamp": NOW}
FROM_BOT: dict[str, Any] = {"sender": {"id": PAGE}, "recipient": {"id": USER}, "timestamp": NOW}


#: The categories in which someone said something.
SPEAKING = {Category.ECHO, Category.POSTBACK, Category.QUICK_REPLY, Category.TEXT}


def by_user(**fields: Any) -> dict[str, Any]:
    return FROM_USER | {"source": "messenger"} | fields


def echo(**message: Any) -> dict[str, Any]:
    return FROM_BOT | {
        "source": "messenger",
        "message": {"is_echo": True, "text": "How old are you?"} | message,
    }


def text(said: Any) -> dict[str, Any]:
    return by_user(message={"text": said})


def quick_reply(payload: Any, **message: Any) -> dict[str, Any]:
    return by_user(message={"text": "Yes", "quick_reply": {"payload": payload}} | message)


def postback(payload: Any, **fields: Any) -> dict[str, Any]:
    return by_user(postback={"title": "I accept", "payload": payload} | fields)


def synthetic(kind: Any, **fields: Any) -> dict[str, Any]:
    return {
        "source": "synthetic",
        "user": USER,
        "page": PAGE,
        "timestamp": NOW,
        "event": {"type": kind},
    } | fields
