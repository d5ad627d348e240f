"""What reading back may raise. Logging raises nothing."""

from __future__ import annotations


class ChatlogError(Exception):
    """Something could not be read back."""


class Unreachable(ChatlogError):
    """The server does not answer, or has a problem: try again later."""


class Refused(ChatlogError):
    """The server does not give it: the message says why.

    Attributes:
        status: of the answer.
    """

    def __init__(self, status: int, detail: str) -> None:
        super().__init__(detail)
        self.status = status
