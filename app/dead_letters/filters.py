"""The options by which `chatlog dead-letters` is told which are meant."""

from __future__ import annotations

import functools
import re
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import click

from app.dead_letters.box import Filter

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

#: What PostgreSQL can count.
_LAST_ID = 2**63 - 1
_UNITS = {"m": "minutes", "h": "hours", "d": "days"}


def read_moment(value: str) -> datetime:
    """Return the time that is meant, in UTC unless it says otherwise; `90m`, `12h`, `7d` are ago.

    Raises:
        ValueError: it is none.
    """
    if ago := re.fullmatch(r"(\d{1,5})([mhd])", value):
        return datetime.now(UTC) - timedelta(**{_UNITS[ago[2]]: int(ago[1])})
    moment = datetime.fromisoformat(value)
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    try:
        # In UTC, the first and the last year may end before they begin.
        moment.astimezone(UTC)
    except OverflowError:
        raise ValueError("beyond the calendar's ends") from None
    return moment


class IdType(click.ParamType):
    """The number of a dead letter."""

    name = "id"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Return the number."""
        if not re.fullmatch("[0-9]{1,19}", value) or not 1 <= int(value) <= _LAST_ID:
            self.fail(f"{value!r} is no number of a dead letter; accepted: one such as 17", param, ctx)
        return int(value)


class MomentType(click.ParamType):
    """A time: ISO 8601, in UTC unless it says otherwise; or how long ago, as 90m, 12h or 7d."""

    name = "time"

    def convert(
        self, value: str | datetime, param: click.Parameter | None, ctx: click.Context | None
    ) -> datetime:
        """Return the time with its zone."""
        if isinstance(value, datetime):
            return value
        try:
            return read_moment(value)
        except ValueError:
            self.fail(
                f"{value!r} is no time; accepted: 2026-05-31, 2026-05-31T12:00Z, 90m, 12h, 7d", param, ctx
            )


def filters(
    *, first: str, limit: int | None = None, pending_by_default: bool = False
) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Add the options, and give the command a `Filter` and a limit in their place.

    Args:
        first: which come first when there are more than the limit.
        limit: how many at most, by default.
        pending_by_default: whether what was replayed is left out unless asked for.
    """
    replayed = click.option(
        "--replayed/--pending",
        default=False if pending_by_default else None,
        help="Only those that were replayed, or that were not."
        + (" [default: pending]" * pending_by_default),
    )
    options = (
        click.option("--id", "ids", type=IdType(), multiple=True, help="This one; may be repeated."),
        click.option(
            "--reason",
            "reasons",
            multiple=True,
            help="For this reason, as `list` names it; may be repeated.",
        ),
        click.option("--topic", "topics", multiple=True, help="That came from this topic; may be repeated."),
        click.option(
            "--since", type=MomentType(), help="Kept since: 2026-05-31, 2026-05-31T12:00Z, 90m, 12h, 7d."
        ),
        click.option("--until", type=MomentType(), help="Kept before."),
        replayed,
        click.option(
            "--limit",
            type=click.IntRange(min=1),
            default=limit,
            help=f"So many at most, the {first} first.",
            show_default=True,
        ),
    )

    def decorate(command: Callable[..., None]) -> Callable[..., None]:
        @functools.wraps(command)
        def with_filter(
            ids: Sequence[int],
            reasons: Sequence[str],
            topics: Sequence[str],
            since: datetime | None,
            until: datetime | None,
            *,
            replayed: bool | None,
            **others: object,
        ) -> None:
            wanted = Filter(
                list(ids) or None, list(reasons) or None, list(topics) or None, since, until, replayed
            )
            command(wanted, **others)

        return functools.reduce(lambda decorated, option: option(decorated), reversed(options), with_filter)

    return decorate
