"""What a connector shows of itself by HTTP: health, metrics, and up to when it has heard which channel.

Who may look is `app.access.inside`, as for the web views of workers.
"""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from aiohttp import hdrs, web
from prometheus_client import CollectorRegistry, ProcessCollector
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector

from app.access.inside import refusal
from app.connect.hearing import Missed
from app.settings import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from aiohttp.typedefs import Handler
    from prometheus_client import Metric

    from app.connect.connector import Connector
    from app.settings.web import WebSettings

#: Asked by whoever runs the connectors, without a token.
OPEN = frozenset({"/health/live", "/health/ready"})
#: How long requests under way may hold up a stop.
STOP_TIMEOUT_S = 1.0


class ConnectorView:
    """Serves the view, as an async context manager.

    Args:
        connector: what is shown.
        where: WEB_HOST and WEB_TOKEN.
        port: to listen on.
    """

    def __init__(self, connector: Connector, where: WebSettings, port: int) -> None:
        self._connector = connector
        self._where = where
        self._port = port
        self._registry = CollectorRegistry()
        ProcessCollector(registry=self._registry)
        self._registry.register(ConnectorCollector(connector))
        app = web.Application(middlewares=[self._let_in])
        app.router.add_get("/", self._channels)
        app.router.add_get("/health/live", self._live)
        app.router.add_get("/health/ready", self._ready)
        app.router.add_get("/metrics", self._metrics)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=STOP_TIMEOUT_S)

    async def __aenter__(self) -> None:
        """Listen.

        Raises:
            ConfigurationError: nothing can listen there.
        """
        await self._runner.setup()
        try:
            await web.TCPSite(self._runner, self._where.host, self._port).start()
        except OSError as error:
            await self._runner.cleanup()
            raise ConfigurationError(
                f"WEB_HOST={self._where.host}, --web-port {self._port}: nothing can listen there "
                f"({error.strerror or error}); free it, or choose another"
            ) from None

    async def __aexit__(self, *_: object) -> None:
        await self._runner.cleanup()

    @web.middleware
    async def _let_in(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        token = self._where.token
        if request.path not in OPEN:
            refused = refusal(
                None if token is None else token.get_secret_value(),
                authorization=request.headers.get(hdrs.AUTHORIZATION, ""),
                host=request.headers.get(hdrs.HOST, ""),
                is_local=True,  # without a token, WEB_HOST is on loopback only
            )
            if refused is not None:
                return web.json_response(
                    {"error": refused.reason}, status=refused.status, headers=refused.headers
                )
        return await handler(request)

    async def _live(self, _: web.Request) -> web.Response:
        return web.json_response({"status": "live"})

    async def _ready(self, _: web.Request) -> web.Response:
        """Ready is who hears something, and brings it to Kafka."""
        is_full = self._connector.handing_in.is_full
        waits_for_kafka = is_full or self._connector.retry_policy.waiting_since is not None
        channels = len(self._connector.hearing.channels)
        is_ready = channels > 0 and not waits_for_kafka
        return web.json_response(
            {
                "status": "ready" if is_ready else "not ready",
                "channels": channels,
                "kafka": "down" if waits_for_kafka else "up",
            },
            status=200 if is_ready else 503,
        )

    async def _metrics(self, request: web.Request) -> web.Response:
        encoder, content_type = choose_encoder(request.headers.get(hdrs.ACCEPT, ""))
        return web.Response(body=encoder(self._registry), headers={hdrs.CONTENT_TYPE: content_type})

    async def _channels(self, _: web.Request) -> web.Response:
        handing_in = self._connector.handing_in
        return web.json_response(
            {
                "platform": self._connector.platform,
                "heard_until": {
                    channel: datetime.fromtimestamp(until / 1000, UTC).isoformat(timespec="milliseconds")
                    for channel, until in self._connector.hearing.channels.items()
                },
                "events": handing_in.taken,
                "events_in_kafka": handing_in.confirmed,
                "events_refused": handing_in.refused,
                "waiting_bytes": handing_in.waiting_bytes,
                "gaps": dict(self._connector.gap_log.counts),
            }
        )


class ConnectorCollector(Collector):
    """A connector's figures, in Prometheus' format.

    Args:
        connector: whose.
    """

    def __init__(self, connector: Connector) -> None:
        self._connector = connector

    def collect(self) -> Iterator[Metric]:
        """Read everything, now."""
        platform, handing_in = self._connector.platform, self._connector.handing_in
        by_platform = {
            "chatlog_connect_events": ("Events heard.", handing_in.taken),
            "chatlog_connect_events_in_kafka": ("Events that Kafka has confirmed.", handing_in.confirmed),
            "chatlog_connect_events_refused": ("Events that Kafka never takes.", handing_in.refused),
        }
        for name, (what, value) in by_platform.items():
            counter = CounterMetricFamily(name, what, labels=["platform"])
            counter.add_metric([platform], value)
            yield counter
        now = time.monotonic()
        since = self._connector.retry_policy.waiting_since
        gauges: dict[str, tuple[str, float]] = {
            "chatlog_connect_waiting_bytes": ("Bytes that wait for Kafka.", handing_in.waiting_bytes),
            "chatlog_connect_waiting_seconds": ("How long Kafka was away.", now - since if since else 0.0),
            "chatlog_connect_channels": ("Channels heard now.", len(self._connector.hearing.channels)),
        }
        for name, (what, figure) in gauges.items():
            gauge = GaugeMetricFamily(name, what, labels=["platform"])
            gauge.add_metric([platform], figure)
            yield gauge
        gaps = CounterMetricFamily(
            "chatlog_connect_gaps",
            "Times a channel was not heard, since this process began.",
            labels=["platform", "reason"],
        )
        # From zero: of a counter that begins at 1, Prometheus misses the first step.
        for reason in Missed:
            gaps.add_metric([platform, reason], self._connector.gap_log.counts[reason])
        yield gaps
