"""TCP ports on loopback: finding a free one, and noticing a taken one before a service does."""

import functools
import itertools
import random
import socket
from collections.abc import Iterator

from app.local.embedded.errors import EmbeddedError, PortTakenError

LOOPBACK = "127.0.0.1"

#: Below the ports that systems give to outgoing connections (Linux from 32768, macOS from 49152). A client
#: that reconnects to a stopped service on such a port can meet itself and hold the port: no restart then.
CANDIDATES = range(15_000, 32_000)
_ATTEMPTS = 200


def free_port() -> int:
    """Return a port of loopback that nothing listens on now, and that no outgoing connection is given.

    Nor was it returned here lately: who got it then may be about to listen on it.

    Raises:
        EmbeddedError: none was found.
    """
    for port in itertools.islice(_by_chance(), _ATTEMPTS):
        if is_free(port):
            return port
    raise EmbeddedError(f"No free port found on {LOOPBACK}: name one that is free")


def check_port(port: int, service: str) -> None:
    """Make sure that `service` can listen on `port`.

    Raises:
        PortTakenError: something listens there, or this user may not.
    """
    if not is_free(port):
        raise PortTakenError(
            f"{service} cannot listen on {LOOPBACK}:{port}, the port is in use: stop what uses it, or choose "
            "another port"
        )


def is_free(port: int) -> bool:
    """Tell whether a service could listen on this port of loopback."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        # As the services do it: a connection that is still closing does not take the port.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return False
        return True


@functools.cache
def _by_chance() -> Iterator[int]:
    """Return the candidates in an order by chance, one after the other, over and over."""
    return itertools.cycle(random.sample(CANDIDATES, len(CANDIDATES)))
