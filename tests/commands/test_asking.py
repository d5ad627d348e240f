"""Every command asks whether that may be done, or touches nobody's data, for a reason that stands here."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click
from click.testing import CliRunner

from app.commands import cli
from app.commands.asking import asks
from models import access
from models.access import Action

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pytest

#: Those that ask for nothing, and why.
OPEN = {
    "up": "on services of its own, with samples",
    "worker": "moves records, and shows none",
    "api": "its routes ask",
    "connect twitch": "hands in what it hears, and shows none of it",
    "connect vrchat": "the same",
    "connect discord": "the same",
    "connect gaps": "channels and times, and no message",
    "connect forget": "the same",
    "token": "says what others may: whoever has API_JWT_SECRET decides that",
    "migrate up": "the schema, and no row",
    "migrate down": "the schema; it warns before rows go",
    "migrate status": "the schema, and no row",
    "topics": "topics, and no record",
    "maintain": "partitions and indexes, and no row",
    "storage check": "an object of its own",
    "check": "counts and settings",
}


def every_command(command: click.Command, path: tuple[str, ...] = ()) -> Iterator[tuple[str, click.Command]]:
    if not isinstance(command, click.Group):
        yield " ".join(path), command
        return
    context = click.Context(command)
    for name in command.list_commands(context):
        below = command.get_command(context, name)
        assert below is not None
        yield from every_command(below, (*path, name))


def test_every_command_asks_or_touches_nobodys_data() -> None:
    asked = {path: getattr(command.callback, "asks", None) for path, command in every_command(cli)}

    assert {path for path, action in asked.items() if action is None} == set(OPEN)
    assert asked["dead-letters drop"] == Action.SETTLE_DEAD_LETTERS
    assert asked["surveys share"] == Action.SHARE_SURVEY


def test_a_command_does_not_run_for_what_no_role_may(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(access, "ROLES", {role: {} for role in access.CallerRole})

    @click.command()
    @asks(Action.READ_DEAD_LETTERS)
    def read() -> None:
        click.echo("what people said")

    ran = CliRunner().invoke(read)

    assert ran.exit_code == 1
    assert "no role lets anybody do this (read_dead_letters)" in ran.output
    assert "what people said" not in ran.output
