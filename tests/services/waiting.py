"""Waiting for a condition with a deadline, and async work from fixtures that are not async."""

import asyncio
import inspect
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, TypeVar, overload

T = TypeVar("T")

_POLL_S = 0.05
#: Only a test that fails waits so long: many times what anything takes, for a machine that does much else.
LIMIT_S = 90.0


@overload
async def eventually(
    condition: Callable[[], Awaitable[T]], timeout_s: float = ..., what: str | None = ...
) -> T: ...


@overload
async def eventually(condition: Callable[[], T], timeout_s: float = ..., what: str | None = ...) -> T: ...


async def eventually(
    condition: Callable[[], Any], timeout_s: float = LIMIT_S, what: str | None = None
) -> Any:
    """Wait until `condition` returns something true, and return that.

    Args:
        condition: called again and again, awaited if it is async; an AssertionError in it means not yet, and
            so does a time limit of its own that it ran into.
        timeout_s: how long to go on; named where it is a promise, or where nothing is to come.
        what: what is waited for, for the message; by default the condition's own name or source.

    Raises:
        AssertionError: it did not come true in time; tells what it returned or raised last.
    """
    last: object = "it was never asked"
    try:
        async with asyncio.timeout(timeout_s):
            while True:
                try:
                    result = condition()
                    outcome = await result if inspect.isawaitable(result) else result
                except AssertionError as error:
                    last = error
                except TimeoutError as error:
                    last = f"no answer ({error!r})"
                else:
                    if outcome:
                        return outcome
                    last = repr(outcome)
                await asyncio.sleep(_POLL_S)
    except TimeoutError:
        cause = last if isinstance(last, AssertionError) else None
        raise AssertionError(
            f"Not within {timeout_s:g} s: {what or _source(condition)}. Last seen: {last}"
        ) from cause


def in_own_loop(work: Coroutine[Any, Any, T]) -> T:
    """Run `work` from a fixture that is not async, leaving the tests' event loops alone."""
    with asyncio.Runner(loop_factory=asyncio.new_event_loop) as runner:
        return runner.run(work)


def _source(condition: Callable[..., object]) -> str:
    name = getattr(condition, "__name__", repr(condition))
    if name != "<lambda>":
        return name
    try:
        return inspect.getsource(condition).strip()
    except OSError:
        return name
