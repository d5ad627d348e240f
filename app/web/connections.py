"""What the API and the views of a worker have in common below HTTP: where they listen, for whom they wait.

Whoever sends no whole request, or never another one, holds a descriptor. So a request has a deadline
(`RECEIVE_WITHIN_S`), and before the descriptors run out those that have waited longest give up their place:
whoever asks something, the probe of an orchestrator above all, gets in.
"""

from __future__ import annotations

import errno
import logging
import os
import resource
import socket
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from sinks.trouble import Trouble

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

log = logging.getLogger(__name__)

#: How long a request may take to come, from its connection or its first byte on; then that is closed.
RECEIVE_WITHIN_S = 10.0
#: Connections that may wait to be accepted.
BACKLOG = 2048
#: Connections are let in even if hardly a descriptor is left: one for whoever asks how things are.
_LEAST = 4

Connection = TypeVar("Connection")


def listen(host: str, port: int) -> list[socket.socket]:
    """Return sockets that listen at every address of a host: `::` is all of them, by IPv4 too.

    Raises:
        OSError: nothing can listen there.
    """
    found = socket.getaddrinfo(host or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    listening: list[socket.socket] = []
    missing: OSError | None = None
    try:
        for family, address in dict.fromkeys((family, address) for family, _, _, _, address in found):
            try:
                listening.append(_listen_at(family, address))
            except OSError as error:
                # `localhost` has an IPv6 address also where the machine has none.
                if error.errno not in {errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT}:
                    raise
                missing = error
        if missing is not None and not listening:
            raise missing
    except OSError:
        for opened in listening:
            opened.close()
        raise
    return listening


def _listen_at(family: int, address: Any) -> socket.socket:
    everywhere = family == socket.AF_INET6 and address[0] == "::" and socket.has_dualstack_ipv6()
    return socket.create_server(address, family=family, backlog=BACKLOG, dualstack_ipv6=everywhere)


class Room(Generic[Connection]):
    """Has a server close connections that only wait, before descriptors run out.

    To be made when the process has opened most of what it needs: half of what is left is for connections.

    Args:
        is_waiting: whether no whole request has come by a connection, or none after the last.
        close: closes one at once.
    """

    def __init__(self, is_waiting: Callable[[Connection], bool], close: Callable[[Connection], None]) -> None:
        self._is_waiting = is_waiting
        self._close = close
        self._too_many = Trouble(log)
        limit, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
        self._limit = max(_LEAST, (limit - _open_files()) // 2)

    def make(self, connections: Iterable[Connection]) -> None:
        """Make room for one more.

        Args:
            connections: all that are open, the oldest first.
        """
        present = list(connections)
        too_many = len(present) + 1 - self._limit
        if too_many <= 0:
            self._too_many.end()
            return
        waiting = [connection for connection in present if self._is_waiting(connection)][:too_many]
        for connection in waiting:
            self._close(connection)
        self._too_many.note(
            "Too many connections for the open files that are allowed: those that have waited longest "
            "without a whole request are closed; find who opens them, or raise the limit (ulimit -n)",
            {"connections": len(present), "limit": self._limit, "closed": len(waiting)},
        )


def _open_files() -> int:
    return len(os.listdir("/dev/fd"))  # noqa: PTH208  numbers, not paths
