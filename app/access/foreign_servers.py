"""Asks servers of others by HTTP, so that none of them can hold up or fill this process.

By a deadline for the whole answer, up to a size, without redirects (elsewhere is another server than the one
that was named), and by the proxy that the environment names.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import aiohttp

from models.errors import ChatlogError, MustAct

if TYPE_CHECKING:
    from collections.abc import Mapping

ANSWER_WITHIN_S = 5.0
ANSWER_MAX_BYTES = 256 * 1024


class UnusableAnswer(ChatlogError):
    """A server does not answer, or with what is of no use; the message says why, for the log."""

    must_act = MustAct.SERVICE


@dataclass(frozen=True, slots=True)
class Answer:
    """What a server answered.

    Attributes:
        status: by HTTP.
        body: the whole of it.
    """

    status: int
    body: bytes

    def json_object(self) -> dict[str, Any] | None:
        """Return the JSON object that the body is; None if it is none."""
        try:
            told = json.loads(self.body)
        except (ValueError, RecursionError):
            return None
        return told if isinstance(told, dict) else None


async def ask(
    url: str, *, form: Mapping[str, str] | None = None, headers: Mapping[str, str] | None = None
) -> Answer:
    """Return the answer of a server, whatever its status.

    Args:
        url: what is asked for.
        form: is posted, if given.
        headers: go with it.

    Raises:
        UnusableAnswer: there is none in time, or it is too long.
    """
    timeout = aiohttp.ClientTimeout(total=ANSWER_WITHIN_S)
    try:
        async with (
            aiohttp.ClientSession(timeout=timeout, trust_env=True) as session,
            session.request(
                "GET" if form is None else "POST", url, data=form, headers=headers, allow_redirects=False
            ) as answer,
        ):
            body = bytearray()
            async for some in answer.content.iter_any():
                body += some
                if len(body) > ANSWER_MAX_BYTES:
                    raise UnusableAnswer(f"its answer has more than {ANSWER_MAX_BYTES} bytes")
            return Answer(answer.status, bytes(body))
    except TimeoutError:
        raise UnusableAnswer(f"it does not answer within {ANSWER_WITHIN_S:g} s") from None
    except (aiohttp.ClientError, OSError, ValueError) as error:
        raise UnusableAnswer(f"it cannot be reached: {type(error).__name__}") from error
