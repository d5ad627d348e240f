"""OpenAI's chat completions and responses, request and response together, as a program logs its call.

    {"request": {…}, "response": {…}, "started_at": …, "ended_at": …}

The answer's id is the response's; the question's is that with `:user` behind it. Neither has a session of its
own: it is `metadata.session_id` of the request, else its `conversation`, else the response that it goes on
from, else the response itself. A request that got no response has its id in the wrapper's `id`.
"""

from models import JSON
from models.messages import Found
from models.platforms.assistant.content import Content, last_of_role, said_in
from models.platforms.assistant.exchange import (
    Exchange,
    index_id_in,
    message_id_in,
    moment_in,
    optional_moment_in,
    told_in,
)
from models.values import id_or_none, list_in, object_in, text_or_none

_Object = dict[str, JSON]

#: Under which names programs put their session into a request's metadata.
_SESSION_NAMES = ("session_id", "conversation_id", "thread_id", "chat_id")


def matches(event: _Object) -> bool:
    """Tell whether a record is in this format."""
    return type(event.get("request")) is dict and "response" in event


def session_of(event: _Object) -> str | None:
    """Return what a call belongs to."""
    request, response = object_in(event.get("request")), object_in(event.get("response"))
    conversation = request.get("conversation")
    return (
        session_in(object_in(request.get("metadata")))
        or id_or_none(object_in(conversation).get("id"))
        or id_or_none(conversation)
        or id_or_none(request.get("previous_response_id"))
        or id_or_none(response.get("id"))
        or id_or_none(event.get("id"))
    )


def session_in(metadata: _Object) -> str | None:
    """Return the session that a program has put into the metadata of its call."""
    return next((told for name in _SESSION_NAMES if (told := id_or_none(metadata.get(name)))), None)


def read(event: _Object) -> list[Found]:
    """Return the question and the answer of a call.

    Raises:
        BadRecord: it has neither id nor time, or content that is neither text nor parts.
    """
    request, response = object_in(event.get("request")), object_in(event.get("response"))
    call_id = message_id_in(response.get("id") or event.get("id"), "response.id")
    metadata = object_in(request.get("metadata"))
    started, ended = _times(event, response)
    exchange = Exchange(
        question_id=f"{call_id}:user",
        answer_id=call_id,
        session=index_id_in(session_of(event), "session") or call_id,
        asked=started,
        question=question_in(request),
        answer=answer_in(response),
        person=index_id_in(request.get("user") or metadata.get("user_id"), "request.user"),
        answered=ended,
        response_ms=None if ended is None or "started_at" not in event else ended - started,
        reply_to=id_or_none(request.get("previous_response_id")),
        answer_type="unfinished" if response.get("status") == "incomplete" else None,
        metadata={
            **{name: told for name, told in metadata.items() if name not in _SESSION_NAMES},
            **told_in(response, "model", "usage"),
            **told_in(event, "app"),
        },
        raw_payload=event,
    )
    return list(exchange.messages())


def question_in(request: _Object) -> Content | None:
    """Return what a person said last, if it is the newest of what was sent: each call repeats the rest.

    Raises:
        BadRecord: content that is neither text nor parts.
    """
    sent = request.get("messages", request.get("input"))
    if type(sent) is str:
        return said_in(sent, "request.input")
    newest = last_of_role(sent, "user")
    return None if newest is None else said_in(newest.get("content"), "content of the question")


def answer_in(response: _Object) -> Content | None:
    """Return the text or refusal that was answered; None for calls of tools alone.

    Raises:
        BadRecord: content that is neither text nor parts.
    """
    if "output" in response:
        items = [item for item in map(object_in, list_in(response.get("output"))) if _is_message(item)]
        parts = [part for item in items for part in list_in(item.get("content"))]
        return said_in(parts, "response.output")
    choices = list_in(response.get("choices"))
    choice = object_in(choices[0]) if choices else {}
    return words_of(object_in(choice.get("message"))) or said_in(choice.get("text"), "choices.text")


def words_of(message: _Object) -> Content | None:
    """Return what an assistant's message shows: its content, else its refusal, else what it spoke.

    Raises:
        BadRecord: content that is neither text nor parts.
    """
    said = said_in(message.get("content"), "content of the answer")
    if said is None and (refusal := text_or_none(message.get("refusal"))) is not None:
        return Content(refusal, "refusal")
    if (
        said is None
        and (spoken := text_or_none(object_in(message.get("audio")).get("transcript"))) is not None
    ):
        return Content(spoken, None, ("audio",))
    return said


def _is_message(item: _Object) -> bool:
    return item.get("type") == "message" and item.get("role", "assistant") == "assistant"


def _times(event: _Object, response: _Object) -> tuple[int, int | None]:
    """Return when it was asked, and when answered, if told; without either the second of the response."""
    started = optional_moment_in(event.get("started_at"), "started_at")
    ended = optional_moment_in(event.get("ended_at"), "ended_at")
    if started is None:
        started = moment_in(response.get("created", response.get("created_at")), "started_at or created")
    return started, ended
