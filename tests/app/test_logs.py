"""What comes through to the log: our own lines, and of the libraries what nobody else tells, in no flood."""

from __future__ import annotations

import asyncio
import copy
import json
import logging
import logging.config
import time
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from aiokafka.errors import NodeNotReadyError, TopicAuthorizationFailedError

from app.logs import REPEAT_AFTER_S, Chatter, logging_config

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from app.settings import Settings


@pytest.fixture
def _logging_as_before() -> Iterator[None]:
    """Undo what a test sets up."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    names = ("faust", "mode", "aiokafka", "aiokafka.consumer.group_coordinator", "aiohttp.access")
    levels = {name: logging.getLogger(name).level for name in names}
    yield
    root.handlers[:], root.level = handlers, level
    for name, before in levels.items():
        logging.getLogger(name).setLevel(before)


@pytest.fixture
def _far_from_utc(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Have this machine's clock show another time of day."""
    with monkeypatch.context() as there:
        there.setenv("TZ", "Asia/Tokyo")
        time.tzset()
        yield
    time.tzset()


def shown(config: dict[str, Any], capsys: pytest.CaptureFixture[str], say: Callable[[], None]) -> list[str]:
    logging.config.dictConfig(copy.deepcopy(config))
    say()
    return capsys.readouterr().err.splitlines()


def record(
    name: str, message: str, *arguments: object, at: float = 0.0, level: int = logging.WARNING
) -> logging.LogRecord:
    made = logging.LogRecord(name, level, __file__, 1, message, arguments, None)
    made.created = at
    return made


def test_what_aiokafka_tries_again_by_itself_is_left_out() -> None:
    chatter = Chatter()
    assert not chatter.filter(
        record("aiokafka", "Unable connect to node with id %s: %s", 1, ConnectionRefusedError())
    )
    assert not chatter.filter(
        record("aiokafka.consumer.fetcher", "Failed fetch messages from %s: %s", 1, NodeNotReadyError())
    )
    assert not chatter.filter(record("aiokafka", "Unable to update metadata from %s", [1]))


def test_what_nobody_else_tells_comes_through() -> None:
    chatter = Chatter()
    assert chatter.filter(record("aiokafka.cluster", "Topic %s not found in cluster metadata", "a-topic"))
    assert chatter.filter(
        record("aiokafka.consumer.fetcher", "Failed fetch: %s", TopicAuthorizationFailedError("a-topic"))
    )
    assert chatter.filter(record("faust.transport", "Something new: %r", ValueError("why")))


def test_the_same_warning_of_a_library_is_shown_now_and_then() -> None:
    chatter = Chatter()
    times = [
        at
        for at in range(100)
        if chatter.filter(record("mode.timers", "Timer commit is overlapping", at=float(at)))
    ]
    assert times == [0, REPEAT_AFTER_S, 2 * REPEAT_AFTER_S, 3 * REPEAT_AFTER_S]


def test_an_agent_that_is_restarted_at_a_rebalance_has_not_crashed() -> None:
    chatter = Chatter()
    message = "[^---Agent*: persist]: Crashed reason=%r"
    assert not chatter.filter(record("faust.agents.agent", message, asyncio.CancelledError()))
    assert chatter.filter(record("faust.agents.agent", message, ValueError("a bug")))


def test_our_own_lines_are_never_left_out() -> None:
    chatter = Chatter()
    assert all(
        chatter.filter(record("app.stream.transport", "Records expired", at=float(at))) for at in range(5)
    )


@pytest.mark.usefixtures("_logging_as_before")
@pytest.mark.parametrize("level", ["INFO", "WARNING", "ERROR"])
def test_a_stricter_level_never_shows_more(
    settings: Callable[..., Settings], capsys: pytest.CaptureFixture[str], level: str
) -> None:
    def say() -> None:
        for name in ("aiokafka", "aiokafka.consumer.fetcher", "faust.app", "mode.services"):
            logging.getLogger(name).info("for developers")
            logging.getLogger(name).error("trouble with %s: %s", name, ConnectionResetError("gone"))
        for _ in range(70):
            logging.getLogger("aiokafka.consumer.group_coordinator").warning("rebalancing")

    lines = shown(logging_config(settings(log_level=level).log), capsys, say)

    assert [line.rpartition("trouble with ")[2] for line in lines] == [
        "faust.app: gone",
        "mode.services: gone",
    ]


@pytest.mark.usefixtures("_logging_as_before")
def test_the_level_for_developers_shows_everything(
    settings: Callable[..., Settings], capsys: pytest.CaptureFixture[str]
) -> None:
    def say() -> None:
        for _ in range(3):
            logging.getLogger("aiokafka").error("Unable connect: %s", ConnectionRefusedError())

    assert len(shown(logging_config(settings(log_level="DEBUG").log), capsys, say)) == 3


FIELDS = {
    "topic": "a-topic",
    "states": 3,
    "size_bytes": 1048577,
    "surveys": ["one", "two"],
    "reasons": {"not_json": 2},
    "waiting_s": 1.5,
    "offset": None,
    "error": 'OSError("a reason")',
    "anything": "new=field",
}


@pytest.mark.usefixtures("_logging_as_before", "_far_from_utc")
@pytest.mark.parametrize("logger", ["app.any", "faust.app", "aiokafka.consumer", "uvicorn.error", "asyncio"])
@pytest.mark.parametrize("form", ["json", "text"])
def test_an_event_has_all_its_fields_and_its_time_in_utc(
    settings: Callable[..., Settings],
    capsys: pytest.CaptureFixture[str],
    form: str,
    logger: str,
) -> None:
    def say() -> None:
        logging.getLogger(logger).warning("Constant text", extra=FIELDS)

    before = datetime.now(UTC)
    (line,) = shown(logging_config(settings(log_format=form).log), capsys, say)

    if form == "json":
        said = json.loads(line)
        told = said.pop("time")
        assert said == {"level": "WARNING", "logger": logger, "message": "Constant text", **FIELDS}
    else:
        told, _, rest = line.partition(" ")
        assert rest == (
            'WARNING Constant text topic=a-topic states=3 size_bytes=1048577 surveys=["one", "two"] '
            'reasons={"not_json": 2} waiting_s=1.5 offset=null error="OSError(\\"a reason\\")" '
            'anything="new=field"'
        )
    assert told.endswith("Z")
    assert before - timedelta(seconds=1) <= datetime.fromisoformat(told) <= datetime.now(UTC)


def fail(message: str) -> None:
    raise ValueError(message)


FORGED = "2026-11-29T20:00:00.000Z CRITICAL all is lost"


@pytest.mark.usefixtures("_logging_as_before")
@pytest.mark.parametrize(
    "end", ["\n", "\r", "\r\n", "\x0b", "\x0c", "\x85", "\u2028", "\u2029", "\x1b[2K\x1b[1G"]
)
@pytest.mark.parametrize("form", ["json", "text"])
def test_nothing_that_is_logged_looks_like_another_event(
    settings: Callable[..., Settings], capsys: pytest.CaptureFixture[str], form: str, end: str
) -> None:
    def say() -> None:
        log = logging.getLogger("app.any")
        log.info("A text of a library: %s", f"x{end}{FORGED}", extra={"error": f"x{end}{FORGED}"})
        try:
            fail(f"x{end}{FORGED}")
        except ValueError:
            log.exception("With a traceback", stack_info=True)

    lines = shown(logging_config(settings(log_format=form).log), capsys, say)

    assert not [line for line in lines if line.startswith(FORGED)]
    assert all(line.isprintable() for line in lines)
    events = [line for line in lines if not line.startswith("    ")]
    assert len(events) == 2
    if form == "text":
        assert events[0].split(" ", 1)[1].startswith("INFO    A text of a library: x\\")
        assert any("ValueError: x" in line for line in lines)


@pytest.mark.usefixtures("_logging_as_before")
@pytest.mark.parametrize("form", ["json", "text"])
def test_what_cannot_be_encoded_is_logged_all_the_same(
    settings: Callable[..., Settings], capsys: pytest.CaptureFixture[str], form: str
) -> None:
    def say() -> None:
        logging.getLogger("app.any").info("Text %s", "\ud800", extra={"error": "\udfff", "of": object()})

    (line,) = shown(logging_config(settings(log_format=form).log), capsys, say)
    assert "ud800" in line
    assert "udfff" in line
