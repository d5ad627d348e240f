"""What a worker shows of itself, on Faust's web server: a page, JSON, health, metrics.

Faust's own views are left out: they are open to whoever can reach them, and show whole tables. Who may
look is `app.worker.views.access`; what there is to see, `app.worker.views.snapshot`.
"""

from __future__ import annotations

import logging
import os
import time
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar

from aiohttp import web
from faust.web.drivers.aiohttp import Web
from mode import Service
from prometheus_client.exposition import choose_encoder
from yarl import URL

from app.kafka.own_address import own_address
from app.settings import ConfigurationError, ignored_variables
from app.web.connections import RECEIVE_WITHIN_S, Room, listen
from app.worker.app import cannot_start
from app.worker.views import snapshot
from app.worker.views.access import add_headers, guard
from app.worker.views.page import page, static, tell
from app.worker.views.rates import SAMPLE_EVERY_S, Rates
from app.worker.views.states import state
from app.worker.watch.figures import totals
from app.worker.watch.metrics import registry_of
from models.hosts import bare_host, is_loopback

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from app.worker.app import WorkerApp
    from app.worker.watch.verdicts import Verdict

log = logging.getLogger(__name__)

#: How long requests under way may hold up a stop.
STOP_TIMEOUT_S = 1.0


class ViewsRunner(web.AppRunner):
    """Runs the views; closes connections by which no whole request comes in time, or too many (`Room`).

    Args:
        app: the views.
        receive_within_s: how long a request may take to come.
    """

    __slots__ = ("_room",)

    def __init__(self, app: web.Application, receive_within_s: float = RECEIVE_WITHIN_S) -> None:
        super().__init__(
            app,
            access_log=None,
            shutdown_timeout=STOP_TIMEOUT_S,
            # It runs from the connection's first moment, and whatever comes of a request does not stop it.
            keepalive_timeout=receive_within_s,
            # For the rest of a request that is answered already.
            lingering_time=receive_within_s,
        )

    async def setup(self) -> None:
        """Begin."""
        await super().setup()
        self._room = Room[web.RequestHandler](_is_waiting, web.RequestHandler.force_close)

    @property
    def server(self) -> Any:
        """What makes the protocol of each connection."""
        server = super().server
        return server and partial(_connected, server, self._room)


def _connected(server: web.Server, room: Room[web.RequestHandler]) -> web.RequestHandler:
    room.make(handler for handler in server.connections if handler.transport is not None)
    return server()


def _is_waiting(handler: web.RequestHandler) -> bool:
    return handler._current_request is None and not handler._messages  # noqa: SLF001  nothing public tells it


class Views(Web):
    """The web server of one worker. It is up before the state table is restored, so that this can be seen."""

    mundane_level = "debug"
    # Faust mounts its own views from these lists.
    default_blueprints: ClassVar[Any] = ()
    production_blueprints: ClassVar[Any] = ()
    debug_blueprints: ClassVar[Any] = ()
    optional_blueprints: ClassVar[Any] = ()

    logger = logging.getLogger("faust.web")

    def __init__(self, app: WorkerApp) -> None:
        super().__init__(app)
        self._worker = app
        self._rates = Rates()
        self._registry = registry_of(app)
        token = app.settings.web.token
        self._has_token = token is not None
        self.web_app.middlewares.append(guard(token.get_secret_value() if token else None))
        self.web_app.on_response_prepare.append(add_headers)
        self._runner = ViewsRunner(self.web_app)
        for path, view in self._views().items():
            self.web_app.router.add_get(path, view)

    async def start_server(self) -> None:
        """Listen, and tell the group at which address the other workers find us.

        Raises:
            SystemExit: the port is taken, or others could reach us without a token.
        """
        bind, port = bare_host(self.app.conf.web_bind), self.app.conf.web_port
        if not is_loopback(bind) and not self._has_token:
            # Settings refuse this; Faust's own --web-bind gets past them.
            raise cannot_start(
                ConfigurationError(f"the web views on {bind} need WEB_TOKEN; or bind them to 127.0.0.1")
            )
        for name in ignored_variables():
            log.warning("Kubernetes tells by it where a Service is: it is not read", extra={"variable": name})
        try:
            await self._runner.setup()
            for listening in listen(bind, port):
                await web.SockSite(self._runner, listening).start()
        except OSError as error:
            said = ConfigurationError(
                f"WEB_PORT={port}: cannot listen on {bind} ({os.strerror(error.errno or 0)}); accepted: a "
                "free port, another for each worker of a machine"
            )
            raise cannot_start(said) from None
        # The first of Kafka's servers is as good as the others.
        host = await own_address(bind, self._worker.settings.kafka.require_servers()[0])
        found_at = URL.build(scheme="http", host=host, port=port)
        if found_at != self.app.conf.canonical_url:
            self.app.conf.canonical_url = found_at
        log.info("Look inside at %s", self.app.conf.canonical_url)

    def _views(self) -> dict[str, Callable[[web.Request], Awaitable[web.StreamResponse]]]:
        return {
            "/": self._page,
            "/static/{name:.+}": static,
            "/api/overview": self._overview,
            "/api/lag": self._lag,
            "/api/sink": self._sink,
            "/api/exports": self._exports,
            "/api/dead-letters": self._dead_letters,
            "/api/gaps": self._gaps,
            "/api/figures": self._figures,
            "/api/state/{userid}": self._state,
            "/metrics": self._metrics,
            "/health/live": self._live,
            "/health/ready": self._ready,
        }

    async def _page(self, request: web.Request) -> web.Response:
        return await page(self._worker, self._rates, request)

    async def _overview(self, request: web.Request) -> web.Response:
        return tell(self._worker, request, snapshot.overview(self._worker))

    async def _lag(self, request: web.Request) -> web.Response:
        return tell(self._worker, request, snapshot.lag(self._worker))

    async def _sink(self, request: web.Request) -> web.Response:
        return tell(self._worker, request, snapshot.sink(self._worker, self._rates))

    async def _exports(self, request: web.Request) -> web.Response:
        found = snapshot.exports(self._worker)
        if found is None:
            problem = {"error": f"a {self._worker.role.value} worker makes no exports; ask an export worker"}
            return tell(self._worker, request, problem, 404)
        return tell(self._worker, request, found)

    async def _dead_letters(self, request: web.Request) -> web.Response:
        return tell(self._worker, request, await snapshot.dead_letters(self._worker))

    async def _gaps(self, request: web.Request) -> web.Response:
        if not snapshot.has_gaps(self._worker):
            problem = {
                "error": f"a {self._worker.role.value} worker knows no gaps; ask a capture-platforms worker"
            }
            return tell(self._worker, request, problem, 404)
        return tell(self._worker, request, await snapshot.gaps(self._worker) or {})

    async def _figures(self, _: web.Request) -> web.Response:
        found = snapshot.live_figures(self._worker)
        if found is None:
            problem = {
                "error": f"a {self._worker.role.value} worker stores no messages; ask a persist worker"
            }
            return web.json_response(problem, status=404)
        return web.json_response(found)

    async def _state(self, request: web.Request) -> web.Response:
        return await state(self._worker, request)

    async def _metrics(self, request: web.Request) -> web.Response:
        encode, content_type = choose_encoder(request.headers.get("Accept", ""))
        return web.Response(body=encode(self._registry), headers={"Content-Type": content_type})

    async def _live(self, request: web.Request) -> web.Response:
        return self._health(request, self._worker.health.live())

    async def _ready(self, request: web.Request) -> web.Response:
        return self._health(request, self._worker.health.ready(), ways=snapshot.ways(self._worker))

    def _health(self, request: web.Request, verdict: Verdict, **more: object) -> web.Response:
        told = snapshot.verdict(verdict) | {name: value for name, value in more.items() if value}
        return tell(self._worker, request, told, 200 if verdict.ok else 503)

    @Service.task
    async def _poll(self) -> None:
        while not self.should_stop:
            self._rates.sample(totals(self._worker.work.registry), time.monotonic())
            await self.sleep(SAMPLE_EVERY_S)
