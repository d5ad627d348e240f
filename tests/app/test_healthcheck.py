"""The probe of the image: it believes whoever answers, and nobody who does not."""

from __future__ import annotations

from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread
from typing import TYPE_CHECKING

import pytest

from app import healthcheck
from app.healthcheck import main
from app.local.embedded import free_port
from tests.services import LIMIT_S

if TYPE_CHECKING:
    from collections.abc import Iterator


class _Answers(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        assert self.path == "/health/live"
        self.send_response(self.server.status)  # type: ignore[attr-defined] # set below
        self.end_headers()


@pytest.fixture
def server() -> Iterator[HTTPServer]:
    server = HTTPServer(("127.0.0.1", 0), _Answers)
    Thread(target=server.serve_forever).start()
    yield server
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize("variable", ["WEB_PORT", "API_PORT"])
@pytest.mark.parametrize(("status", "exit_status"), [(200, 0), (503, 1)])
def test_whoever_answers_is_believed(
    server: HTTPServer, variable: str, status: int, exit_status: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.status = status  # type: ignore[attr-defined] # read above
    monkeypatch.setattr(healthcheck, "_TIMEOUT_S", LIMIT_S)
    monkeypatch.setenv("WEB_PORT", str(free_port()))
    monkeypatch.setenv("API_PORT", str(free_port()))
    monkeypatch.setenv(variable, str(server.server_port))
    assert main() == exit_status


def test_nobody_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WEB_PORT", str(free_port()))
    monkeypatch.setenv("API_PORT", str(free_port()))
    assert main() == 1
