"""The client of programs that log turns: nothing is lost while it can be sent, and the chat never notices."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from collections import deque
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from chatlog_client import AsyncChatLog, ChatLog, Refused, Unreachable, sending

if TYPE_CHECKING:
    from collections.abc import Iterator

CLIENT = Path(__file__).parents[2] / "client"


class Server(ThreadingHTTPServer):
    """Takes what clients send; answers what it was told to, in order, and 202 from then on."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.answers: deque[tuple[int, dict[str, str]]] = deque()
        self.requests: list[tuple[str, dict[str, Any]]] = []
        self.refuses: set[str] = set()
        self.turns_away: set[str] = set()
        self.max_bytes = 8 * 1024 * 1024
        threading.Thread(target=self.serve_forever, daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    @property
    def turns(self) -> list[str]:
        """The questions that it took, in order."""
        taken = []
        for _, body in self.requests:
            turns = body.get("turns", [body])
            taken += [turn["user_message"] for turn in turns if "user_message" in turn]
        return taken


class _Handler(BaseHTTPRequestHandler):
    server: Server

    def do_POST(self) -> None:
        size_bytes = int(self.headers["Content-Length"])
        body = json.loads(self.rfile.read(size_bytes))
        assert self.headers["Authorization"] == "Bearer t"
        status, headers = self.server.answers.popleft() if self.server.answers else (202, {})
        said = [turn.get("user_message") for turn in body.get("turns", [body])]
        if self.server.turns_away.intersection(said):
            status = 403
        if self.server.refuses.intersection(said):
            status = 422
        if size_bytes > self.server.max_bytes:
            status = 413
        if status == 202:
            self.server.requests.append((self.path, body))
        self._answer(status, headers, {})

    def do_GET(self) -> None:
        if "unknown" in self.path:
            self._answer(404, {}, {"detail": "There is no such session."})
        else:
            self._answer(200, {}, {"items": [{"user_message": "q"}], "path": self.path})

    def _answer(self, status: int, headers: dict[str, str], body: dict[str, Any]) -> None:
        content = json.dumps(body).encode()
        self.send_response(status)
        for name, value in ({"Content-Type": "application/json"} | headers).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        """Keep quiet."""


@pytest.fixture
def server() -> Iterator[Server]:
    made = Server()
    yield made
    made.shutdown()
    made.server_close()


def test_turns_come_in_order_and_in_batches(server: Server) -> None:
    with ChatLog(server.url, token="t", app="shop") as log:
        session = log.session("s/1", user_id="u")
        ids = [session.turn(f"q{number}", "a", response_time_ms=5).id for number in range(250)]
    assert server.turns == [f"q{number}" for number in range(250)]
    assert len(server.requests) <= 4
    path, body = server.requests[0]
    first = body["turns"][0]
    assert path == "/v1/turns?app=shop"
    assert (first["session_id"], first["turn_id"], first["user_id"]) == ("s/1", ids[0], "u")
    assert (log.figures.sent, log.figures.waiting) == (250, 0)


def test_a_turn_alone_goes_the_way_of_many_where_nobody_takes_its_bringer_for_the_person(
    server: Server,
) -> None:
    with ChatLog(server.url, token="t") as log:
        log.session("s").turn("q", "a")
    ((path, body),) = server.requests
    assert path == "/v1/turns"
    assert [turn["session_id"] for turn in body["turns"]] == ["s"]


def test_an_answers_time_is_taken_and_its_error_told(server: Server) -> None:
    def fail() -> None:
        raise RuntimeError("what she said")

    with ChatLog(server.url, token="t") as log:
        session = log.session()
        with session.asked("q") as turn:
            turn.answer("a", model="m")
        turn.feedback(1, comment="good")
        with pytest.raises(RuntimeError), session.asked("bad"):
            fail()
    told = [turn for _, body in server.requests for turn in body.get("turns", [body])]
    assert told[0]["response_time_ms"] >= 0
    assert told[1] == {"value": 1, "comment": "good"}
    assert told[2]["error"] == "RuntimeError"
    assert "ai_response" not in told[2]
    assert session.id.startswith("session_")


@pytest.mark.parametrize("status", [301, 401, 403, 404, 408, 429, 503])
def test_what_the_server_does_not_take_now_is_sent_again_once(server: Server, status: int) -> None:
    server.answers += [(status, {"Retry-After": "0"}), (status, {})]
    log = ChatLog(server.url, token="t")
    log.session("s").turn("q", "a")
    assert log.close(timeout_s=30)
    assert server.turns == ["q"]
    assert (log.figures.sent, log.figures.refused) == (1, 0)


def test_while_the_token_is_refused_turns_wait_and_it_is_said_once(
    server: Server, caplog: pytest.LogCaptureFixture
) -> None:
    server.answers += [(401, {})] * 3
    log = ChatLog(server.url, token="t")
    for number in range(250):
        log.session("s").turn(f"q{number}", "a")
    assert log.close(timeout_s=60)
    assert server.turns == [f"q{number}" for number in range(250)]
    assert (log.figures.sent, log.figures.refused, log.figures.dropped) == (250, 0, 0)
    assert caplog.text.count("The token is refused (401)") == 1


def test_what_the_token_does_not_reach_holds_nobody_up_for_good(server: Server) -> None:
    server.turns_away, server.refuses = {"bad", "worse"}, {"wrong"}
    server.answers.append((503, {}))  # until all wait
    log = ChatLog(server.url, token="t")
    for question in ("bad", "one", "two", "worse", "wrong", "three"):
        log.session("s").turn(question, "a")
    log.session("s").turn("four", "a").feedback(1)
    assert log.close(timeout_s=60)
    assert server.turns == ["one", "two", "three", "four"]
    assert (log.figures.sent, log.figures.refused, log.figures.waiting) == (5, 3, 0)


def test_a_session_that_the_token_does_not_reach_holds_up_no_batch_after_the_first(server: Server) -> None:
    server.turns_away = {"bad"}
    server.answers.append((503, {}))  # until all wait
    log = ChatLog(server.url, token="t")
    for number in range(400):
        log.session("s").turn("bad" if number % 50 == 7 else f"q{number}", "a")
    assert log.close(timeout_s=30)
    assert (log.figures.sent, log.figures.refused, log.figures.waiting) == (392, 8, 0)


def test_what_is_too_much_at_once_goes_in_parts(server: Server) -> None:
    server.max_bytes = 2_000
    log = ChatLog(server.url, token="t")
    for number in range(20):
        log.session("s").turn(f"q{number}", "a" * (5_000 if number == 7 else 100))
    assert log.close(timeout_s=60)
    assert server.turns == [f"q{number}" for number in range(20) if number != 7]
    assert (log.figures.sent, log.figures.refused, log.figures.waiting) == (19, 1, 0)


def test_long_turns_are_never_too_much_at_once(server: Server) -> None:
    server.max_bytes = 4_100_000
    server.answers.append((503, {}))  # until all wait
    log = ChatLog(server.url, token="t")
    for number in range(20):
        log.session("s").turn(f"q{number}", "a" * 900_000)
    assert log.close(timeout_s=60)
    assert [len(body["turns"]) for _, body in server.requests] == [4] * 5


def test_memory_stays_bounded_whatever_the_size_of_turns() -> None:
    log = ChatLog("http://127.0.0.1:1", token="t", queue_max_bytes=10_000)
    for _ in range(20):
        log.session("s").turn("q", "a" * 2_000)
    assert (log.figures.waiting, log.figures.dropped) == (4, 16)
    log.session("s").turn("q", "a")
    assert log.figures.waiting == 5, "there is room for a short one"
    log.close(timeout_s=0)


def test_one_that_is_refused_does_not_hold_up_the_others(server: Server) -> None:
    server.refuses = {"bad"}
    with ChatLog(server.url, token="t") as log:
        for question in ("one", "bad", "two"):
            log.session("s").turn(question, "a")
    assert server.turns == ["one", "two"]
    assert (log.figures.sent, log.figures.refused) == (2, 1)


def _within_itself() -> dict[str, Any]:
    made: dict[str, Any] = {}
    made["self"] = made
    return made


@pytest.mark.parametrize(
    "metadata",
    [
        pytest.param({"secret": datetime(2026, 1, 1, tzinfo=UTC)}, id="an object"),
        pytest.param({"secret": float("nan")}, id="no number"),
        pytest.param({("secret", 1): "x"}, id="a key that is no text"),
        pytest.param(_within_itself(), id="itself within itself"),
    ],
)
def test_a_turn_that_is_no_json_is_refused_and_those_behind_it_are_sent(
    server: Server, caplog: pytest.LogCaptureFixture, metadata: dict[Any, Any]
) -> None:
    log = ChatLog(server.url, token="t")
    session = log.session("s")
    with session.asked("secret") as turn:
        turn.answer("a", metadata=metadata)
    for number in range(3):
        session.turn(f"q{number}", "a")
    assert log.close(timeout_s=30)
    assert server.turns == ["q0", "q1", "q2"]
    assert (log.figures.sent, log.figures.refused, log.figures.waiting) == (3, 1, 0)
    assert "no JSON" in caplog.text
    assert "secret" not in caplog.text


def test_half_an_emoji_is_sent_as_the_server_takes_it(server: Server) -> None:
    with ChatLog(server.url, token="t") as log:
        turn = log.session("s").turn("a \\ and \ud83d", "a")
        turn.session_id = "\ud83d"
        turn.feedback(1)
    assert server.turns == ["a \\ and \ud83d"]
    assert (log.figures.sent, log.figures.refused) == (1, 1), "no address has it"


def test_what_the_chat_changes_later_is_not_in_the_turn(server: Server) -> None:
    metadata: dict[str, Any] = {"at": "first"}
    with ChatLog(server.url, token="t") as log:
        log.session("s").turn("q", "a", metadata=metadata)
        metadata["at"] = {1, 2}
    assert server.requests[0][1]["turns"][0]["metadata"] == {"at": "first"}


class _Fails(httpx.HTTPTransport):
    """Raises what nobody foresees, at first."""

    def __init__(self, *errors: BaseException) -> None:
        super().__init__()
        self.errors = list(errors)
        self.failed = threading.Event()

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        if self.errors:
            self.failed.set()
            raise self.errors.pop()
        return super().handle_request(request)


def test_what_nobody_foresees_is_tried_again_and_costs_one_batch_at_last(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sending, "TRIES_MAX", 2)
    transport = _Fails(*(RuntimeError("secret") for _ in range(5)))
    log = ChatLog(server.url, token="t", transport=transport)
    log.session("s").turn("one", "a")
    assert log.flush(30)
    log.session("s").turn("two", "a")
    assert log.close(30)
    assert server.turns == ["two"]
    assert (log.figures.sent, log.figures.refused) == (1, 1)


@pytest.mark.parametrize("host", ["chatlog..internal", f"{'x' * 64}.example"])
def test_of_a_host_that_there_cannot_be_turns_wait(host: str) -> None:
    log = ChatLog(f"http://{host}:8000", token="t")
    log.session("s").turn("one", "a")
    assert log.flush(0.5) is False
    assert (log.figures.waiting, log.figures.refused) == (1, 0)
    log.close(0)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_thread_that_died_is_replaced(server: Server) -> None:
    transport = _Fails(SystemExit())
    log = ChatLog(server.url, token="t", transport=transport)
    log.session("s").turn("one", "a")
    died = log._sender._thread
    assert died is not None
    died.join(30)
    assert transport.failed.is_set()
    log.session("s").turn("two", "a")
    assert log.close(30)
    assert server.turns == ["one", "two"]


def test_of_a_client_that_cannot_be_made_turns_wait(server: Server, caplog: pytest.LogCaptureFixture) -> None:
    log = ChatLog(server.url, token="no ASCII: ü")
    log.session("s").turn("one", "a")
    until = time.monotonic() + 30
    while "UnicodeEncodeError" not in caplog.text:
        assert time.monotonic() < until
        assert log.flush(0.1) is False
    assert log.figures.waiting == 1
    assert log.close(0) is False


def test_without_a_server_the_chat_goes_on_and_memory_stays_bounded(caplog: pytest.LogCaptureFixture) -> None:
    log = ChatLog("http://127.0.0.1:1", token="t", queue_max=10)
    began = time.monotonic()
    for number in range(1000):
        log.session("s").turn(f"secret {number}", "a")
    took = time.monotonic() - began
    assert (log.figures.waiting, log.figures.dropped) == (10, 990)
    assert log.close(timeout_s=0.1) is False
    assert took < 5, "nothing waits for a connection, of which each would be tried for some seconds"
    assert "secret" not in caplog.text


def test_what_waits_when_the_program_ends_is_sent(server: Server) -> None:
    program = (
        "from chatlog_client import ChatLog\n"
        f"session = ChatLog({server.url!r}, token='t').session('s')\n"
        "for number in range(5):\n"
        "    session.turn(f'q{number}', 'a')\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True, cwd=CLIENT, timeout=60)
    assert server.turns == [f"q{number}" for number in range(5)]


def test_a_process_that_is_forked_off_sends_its_own_turns_and_no_others(server: Server) -> None:
    program = (
        "import os\n"
        "from chatlog_client import ChatLog\n"
        f"log = ChatLog({server.url!r}, token='t')\n"
        "log.session('s').turn('of the parent', 'a')\n"
        "child = os.fork()\n"
        "if child == 0:\n"
        "    log.session('s').turn('of the child', 'a')\n"
        "    log.close()\n"
        "    os._exit(0)\n"
        "os.waitpid(child, 0)\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True, cwd=CLIENT, timeout=60)
    assert sorted(server.turns) == ["of the child", "of the parent"]


async def test_for_asyncio_it_is_the_same(server: Server) -> None:
    async with AsyncChatLog(server.url, token="t") as log:
        session = log.session("s")
        with session.asked("q") as turn:
            turn.answer("a")
        assert await log.flush()
        assert await session.history(limit=1) == [{"user_message": "q"}]
        assert "path" in await session.stats()
    assert server.turns == ["q"]


def test_reading_back_raises_what_is_wrong(server: Server) -> None:
    log = ChatLog(server.url, token="t")
    assert log.session("s").history() == [{"user_message": "q"}]
    with pytest.raises(Refused, match="no such session"):
        log.session("unknown").stats()
    with pytest.raises(Unreachable):
        ChatLog("http://127.0.0.1:1", token="t").session("s").stats()


def test_without_an_address_or_a_token_it_is_said_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CHATLOG_TOKEN", raising=False)
    with pytest.raises(ValueError, match="CHATLOG_TOKEN"):
        ChatLog("http://127.0.0.1:1")
