"""What comes through to the log: our own lines, and of the libraries what nobody else tells, in no flood."""

from __future__ import annotations

import asyncio
import copy
import json
import logging
import logging.config
from typing import TYPE_CHECKING, Any

import pytest
from aiokafka.errors import NodeNotReadyError, TopicAuthorizationFailedError

from app.logs import FIELDS, REPEAT_AFTER_S, Chatter, logging_config

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
    assert all(chatter.filter(record("app.transport", "Records expired", at=float(at))) for at in range(5))


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

    lines = shown(logging_config(settings(log_level=level)), capsys, say)

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

    assert len(shown(logging_config(settings(log_level="DEBUG")), capsys, say)) == 3


@pytest.mark.usefixtures("_logging_as_before")
@pytest.mark.parametrize("form", ["json", "text"])
def test_a_line_carries_its_fields(
    settings: Callable[..., Settings], capsys: pytest.CaptureFixture[str], form: str
) -> None:
    fields = dict.fromkeys(FIELDS, 7)

    def say() -> None:
        logging.getLogger("app.any").info("Constant text", extra=fields)

    (line,) = shown(logging_config(settings(log_format=form)), capsys, say)

    if form == "json":
        said = json.loads(line)
        assert said["message"] == "Constant text"
        assert said["level"] == "INFO"
        assert fields.items() <= said.items()
    else:
        assert line.endswith("Constant text " + " ".join(f"{name}=7" for name in FIELDS))
