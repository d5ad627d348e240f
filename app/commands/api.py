"""`chatlog api`: serve the REST API and the web pages."""

from __future__ import annotations

import asyncio
import logging.config
import signal
from typing import TYPE_CHECKING

import click

from app.garbage import spare_what_is_there
from app.settings import ConfigurationError, Settings, ignored_variables, load_settings
from app.web.connections import BACKLOG, listen
from app.web.public_address import address_of, check_address
from models.hosts import bare_host

if TYPE_CHECKING:
    import socket

log = logging.getLogger(__name__)

#: How long requests may take to end after SIGTERM; event streams end at once. With what the parts take to
#: disconnect (the outbox 2 s), it is within the 10 s that containers are given.
END_REQUESTS_S = 5


@click.command()
@click.option("--host", help="Listen here instead of API_HOST.")
@click.option("--port", type=click.IntRange(1, 65535), help="Listen here instead of API_PORT.")
def api(host: str | None, port: int | None) -> None:
    """Serve the REST API (/docs) and the web pages until stopped (SIGTERM, Ctrl-C).

    It starts whatever is down, and says so at /health/ready. Run more of them to scale.
    """
    given = {"host": host and bare_host(host), "port": port}
    settings = load_settings().replace(api={name: value for name, value in given.items() if value})
    check_address(settings.api)
    from app.logs import logging_config  # noqa: PLC0415  what follows takes a second to import

    logging.config.dictConfig(logging_config(settings.log))
    import uvloop  # noqa: PLC0415

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_serve(settings))


async def _serve(settings: Settings) -> None:
    import uvicorn  # noqa: PLC0415

    from app.site import create_app  # noqa: PLC0415
    from app.web.protocol import protocol_with_room  # noqa: PLC0415

    for name in ignored_variables():
        log.warning("Kubernetes tells by it where a Service is: it is not read", extra={"variable": name})
    app = create_app(settings)
    config = uvicorn.Config(
        app,
        # Lines of ours, without what is asked for; and an address of ours, whatever a request names.
        log_config=None,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        lifespan="off",
        http=protocol_with_room(),
        ws="none",
        backlog=BACKLOG,
        timeout_graceful_shutdown=END_REQUESTS_S,
    )
    listening = _listen(settings.api.host, settings.api.port)
    try:
        # Not uvicorn's own lifespan, which shows a traceback where we have a message.
        async with app.router.lifespan_context(app):
            spare_what_is_there()
            for number in (signal.SIGINT, signal.SIGTERM):
                # Uvicorn obeys them, and raises them again at its end: by then there is nothing left to do.
                signal.signal(number, _ignore)
            click.echo(
                f"chatlog API: {address_of(settings.api)} (what it offers: {address_of(settings.api)}/docs)"
            )
            await uvicorn.Server(config).serve(sockets=listening)
    finally:
        for opened in listening:
            opened.close()


def _ignore(*_: object) -> None:
    """Do nothing."""


def _listen(host: str, port: int) -> list[socket.socket]:
    try:
        return listen(host, port)
    except OSError as error:
        said = error.strerror or str(error)
        raise ConfigurationError(
            f"API_HOST={host}, API_PORT={port}: nothing can listen there ({said}); free it, or choose another"
        ) from None
