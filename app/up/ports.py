"""Ports for web views and the API: the one that is asked for, or the next that is free.

Between the choice and the moment a process listens, another `chatlog up` may choose. On Linux each choice is
therefore claimed by an abstract socket, which has the scope of a port and goes with its process.
"""

from __future__ import annotations

import socket
import sys

from app.embedded.ports import is_free
from app.up.errors import UpFailed

_ATTEMPTS = 100
_HIGHEST = 65_535


class Port:
    """A port for one process of a run, claimed until `release`."""

    def __init__(self, number: int, claim: socket.socket | None) -> None:
        self.number = number
        self._claim = claim

    def release(self) -> None:
        """Give it up; a second call does nothing."""
        if self._claim is not None:
            self._claim.close()


def claim_port(first: int, *, option: str) -> Port:
    """Return `first`, or the next port of loopback that is free and nobody claims.

    Args:
        first: the one to try first.
        option: what a person chooses another one by.

    Raises:
        UpFailed: a hundred ports in a row are taken.
    """
    for number in range(first, min(first + _ATTEMPTS, _HIGHEST + 1)):
        if sys.platform != "linux":
            if is_free(number):
                return Port(number, None)
            continue
        claim = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            claim.bind(f"\0chatlog-port-{number}")
        except OSError:
            claim.close()
            continue
        if is_free(number):
            return Port(number, claim)
        claim.close()
    raise UpFailed(f"No port from {first} on is free: choose another with {option}")
