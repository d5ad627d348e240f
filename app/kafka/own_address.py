"""By which address others of the installation reach this process, where it listens on all it has."""

from __future__ import annotations

import asyncio
import socket

from models.hosts import bare_host, is_everywhere


async def own_address(bind: str, server: str) -> str:
    """Return where others reach who listens on `bind`: there, or by the address that is used towards Kafka.

    The others are where Kafka is reached as well; the name of a container or a pod means nothing to its
    neighbours. Nothing is sent. While the server's name cannot be looked up, the machine's has to do.

    Args:
        bind: a host, or what stands for all of them.
        server: one of Kafka's, with its port.
    """
    bind = bare_host(bind)
    if not is_everywhere(bind):
        return bind
    host, _, port = server.rpartition(":")
    try:
        transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(
            asyncio.DatagramProtocol, remote_addr=(bare_host(host), int(port))
        )
    except OSError:
        return socket.gethostname()
    try:
        return str(transport.get_extra_info("sockname")[0])
    finally:
        transport.close()
