"""The ports of a run: those of the last time, where they can be had again."""

from __future__ import annotations

import io
import socket
from typing import TYPE_CHECKING

import pytest
from rich.console import Console

from app.local.embedded import free_port
from app.local.ports import LastPorts
from app.local.screen import Screen
from app.local.services import Services
from tests.services import settings_from

if TYPE_CHECKING:
    from pathlib import Path

NAMES = ("Kafka", "PostgreSQL", "Storage")


def services_in(directory: Path) -> tuple[Services, str]:
    """Return the services of a run in a directory, and what is said of their ports."""
    output = io.StringIO()
    made = Services(settings_from(), directory, Screen(Console(file=output)), LastPorts(directory))
    return made, output.getvalue()


def test_services_get_the_ports_of_the_last_time(tmp_path: Path) -> None:
    kept = {name: free_port() for name in NAMES}
    for name, port in kept.items():
        LastPorts(tmp_path).keep(name, port)
    services, said = services_in(tmp_path)
    assert {service.name: service.port for service in services.embedded} == kept
    assert said == ""


def test_a_port_that_is_taken_by_now_is_told_and_another_chosen(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        taken = other.getsockname()[1]
        LastPorts(tmp_path).keep("PostgreSQL", taken)
        services, said = services_in(tmp_path)
        assert services.postgres is not None
        assert services.postgres.port != taken
    assert said == f"! Port {taken}, which PostgreSQL had the last time, is taken: it gets another\n"


@pytest.mark.parametrize("content", ["", "[]", "{", '{"Kafka": "x", "Storage": 0, "API": 99999}', "null"])
def test_what_is_no_note_of_ports_counts_as_none(tmp_path: Path, content: str) -> None:
    (tmp_path / "ports.json").write_text(content, "utf-8")
    assert [LastPorts(tmp_path).of(name) for name in (*NAMES, "API")] == [None] * 4
