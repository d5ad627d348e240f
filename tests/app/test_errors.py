"""The tree of errors: nothing foreseen is outside of it; every class says who must act, and how that ends."""

from __future__ import annotations

import click
import pytest
from click.testing import CliRunner

from app.commands import OnDemand
from app.errors import ANSWERS, EXIT_FAILED, EXIT_SETTINGS, AppError, answer_of
from app.settings import ConfigurationError
from models.errors import ChatlogError, MustAct
from sinks.errors import SinkError
from tests.every_error import PACKAGES, every_error
from tests.our_classes import our_classes

#: What is never raised itself: who must act is said by those below.
ABSTRACT = {ChatlogError, SinkError, AppError}


def test_every_error_of_ours_is_in_the_tree() -> None:
    errors = {kind for kind in our_classes(*PACKAGES) if issubclass(kind, BaseException)}

    assert {kind for kind in errors if not issubclass(kind, ChatlogError)} == set()
    assert {type(error) for error in every_error()} == errors - ABSTRACT


def test_who_must_act_is_answered_for_in_every_case() -> None:
    assert set(ANSWERS) == set(MustAct)


@pytest.mark.parametrize("error", every_error(), ids=lambda error: type(error).__name__)
def test_every_error_says_how_it_ends(error: ChatlogError) -> None:
    answer = answer_of(error)

    assert 300 <= answer.status < 600
    assert answer.exit_status == (EXIT_SETTINGS if isinstance(error, ConfigurationError) else EXIT_FAILED)
    # Whoever asks can mend what is theirs to mend; the rest is no fault of the request.
    assert (answer.status < 500) == (error.must_act is MustAct.CALLER)
    assert (answer.retry_after_s is not None) == (answer.status in {429, 503})


@pytest.mark.parametrize("error", every_error(), ids=lambda error: type(error).__name__)
def test_a_command_says_in_one_line_what_can_be_mended_and_exits_with_its_status(error: ChatlogError) -> None:
    ended = CliRunner().invoke(failing(error), ["it"])

    assert ended.exit_code == answer_of(error).exit_status
    if error.must_act is MustAct.US:
        assert ended.exception is error  # its traceback says where
    else:
        assert ended.stderr == f"chatlog: {error}\n"


def failing(error: ChatlogError) -> click.Command:
    """Return a command line whose one subcommand ends with an error."""

    def fail() -> None:
        raise error

    class One(OnDemand):
        def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command:
            return click.command(cmd_name)(fail)

    return One("chatlog")
