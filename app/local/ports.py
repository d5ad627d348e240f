"""Ports for web views and the API: the one that is asked for, or the next that is free.

Between the choice and the moment a process listens, another `chatlog up` may choose. On Linux each choice is
therefore claimed by an abstract socket, which has the scope of a port and goes with its process.

A directory that is kept remembers the ports of everything in it, so that addresses hold from run to run.
"""

from __future__ import annotations

import json
import socket
import sys
from typing import TYPE_CHECKING

from app.local.embedded.ports import is_free
from app.local.errors import UpFailed

if TYPE_CHECKING:
    from pathlib import Path

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


class LastPorts:
    """The ports that the parts of a run had the last time, in a file of its directory.

    Args:
        directory: of the run.
    """

    def __init__(self, directory: Path) -> None:
        self._file = directory / "ports.json"
        self._ports = _read(self._file)

    def of(self, part: str) -> int | None:
        """Return the port that a part had; None if it had none."""
        return self._ports.get(part)

    def keep(self, part: str, port: int) -> None:
        """Note the port that a part has now."""
        self._ports[part] = port
        new = self._file.with_name(f"{self._file.name}.new")
        new.write_text(json.dumps(self._ports, indent=2), "utf-8")
        new.replace(self._file)


def _read(file: Path) -> dict[str, int]:
    try:
        found = json.loads(file.read_text("utf-8"))
    except (FileNotFoundError, ValueError):
        # A new directory; or one that somebody has written in, and the ports are chosen anew.
        return {}
    ports = found.items() if isinstance(found, dict) else ()
    return {part: port for part, port in ports if isinstance(port, int) and 0 < port <= _HIGHEST}
