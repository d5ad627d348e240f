"""What a command is asked for, said above it, as routes say it in their signatures (`app.access.asking`).

Whoever has the shell has the rights of DATABASE_URL, so the answer is yes as long as some role has the
action. A test fails for a command that asks for nothing and is not among those that touch nobody's data.
"""

from __future__ import annotations

from functools import wraps
from typing import TYPE_CHECKING, ParamSpec, TypeVar

import click

from models.access import Action, may_at_all, whoever_has_the_shell

if TYPE_CHECKING:
    from collections.abc import Callable

Parameters = ParamSpec("Parameters")
Result = TypeVar("Result")


def asks(action: Action) -> Callable[[Callable[Parameters, Result]], Callable[Parameters, Result]]:
    """Have a command run only for whom some role lets do this.

    Args:
        action: what the command does.
    """

    def decorate(command: Callable[Parameters, Result]) -> Callable[Parameters, Result]:
        @wraps(command)
        def ask_first(*arguments: Parameters.args, **options: Parameters.kwargs) -> Result:
            if not may_at_all(whoever_has_the_shell(), action):
                raise click.ClickException(f"no role lets anybody do this ({action})")
            return command(*arguments, **options)

        vars(ask_first)["asks"] = action
        return ask_first

    return decorate
