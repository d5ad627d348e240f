"""The figures of an API process in Prometheus' format: requests by route and status, and the outbox.

Who may have them is `app.access.inside`, as for those of the workers.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated

from fastapi import APIRouter, Depends, Request, Response
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4

from app.access import IssuerKeys
from app.access.inside import refusal
from app.access.openid.discovery import Discovery
from app.outbox import Outbox
from app.web.problems import problem
from models.hosts import is_loopback

if TYPE_CHECKING:
    from app.settings.api import ApiSettings
    from app.settings.web import WebSettings

router = APIRouter(tags=["operation"])

_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


class RequestMetrics:
    """Counts requests.

    Args:
        registry: what is asked for the figures.
    """

    def __init__(self, registry: CollectorRegistry) -> None:
        self._requests = Counter(
            "chatlog_api_requests",
            "Requests answered",
            ["method", "route", "status"],
            registry=registry,
        )
        self._seconds = Histogram(
            "chatlog_api_request_seconds",
            "How long the answer of a request took to begin",
            ["route"],
            registry=registry,
        )
        self.event_streams = Gauge(
            "chatlog_api_event_streams", "Clients that follow an export now", registry=registry
        )

    def count(self, method: str, route: str, status: int, seconds: float) -> None:
        """Count one request; methods are anything that a client makes up, and are told apart if known."""
        self._requests.labels(method if method in _METHODS else "other", route, str(status)).inc()
        self._seconds.labels(route).observe(seconds)


class OutboxMetrics:
    """Tells how the outbox is, as it last saw.

    Args:
        outbox: the process's own.
    """

    def __init__(self, outbox: Outbox) -> None:
        self._outbox = outbox

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """Return the figures (the interface of prometheus_client)."""
        if self._outbox.pending is not None:
            yield GaugeMetricFamily(
                "chatlog_api_outbox_pending",
                "Exports whose job is not in Kafka yet",
                value=self._outbox.pending,
            )
        yield GaugeMetricFamily(
            "chatlog_api_kafka_up", "Whether jobs can be sent", value=float(bool(self._outbox.is_well))
        )


class IssuerMetrics:
    """Tells whether the key server of tokens answers, as far as it was asked.

    Args:
        keys: the process's own.
    """

    def __init__(self, keys: IssuerKeys) -> None:
        self._keys = keys

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """Return the figures (the interface of prometheus_client)."""
        if self._keys.is_well is not None:
            yield GaugeMetricFamily(
                "chatlog_api_issuer_keys_up",
                "Whether API_JWKS_URL answered when it was last asked",
                value=float(self._keys.is_well),
            )


class ProviderMetrics:
    """Tells whether the identity provider answers, as far as it was asked.

    Args:
        discovery: the process's own.
    """

    def __init__(self, discovery: Discovery) -> None:
        self._discovery = discovery

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """Return the figures (the interface of prometheus_client)."""
        if self._discovery.is_well is not None:
            yield GaugeMetricFamily(
                "chatlog_api_identity_provider_up",
                "Whether OIDC_ISSUER published where to sign in when it was last asked",
                value=float(self._discovery.is_well),
            )


async def _event_streams(request: Request) -> Gauge:
    requests: RequestMetrics = request.app.state.metrics
    return requests.event_streams


#: For signatures of routes: how many clients follow an export.
EventStreams = Annotated[Gauge, Depends(_event_streams)]


@router.get("/metrics", include_in_schema=False)
async def metrics(request: Request) -> Response:
    """Return the figures of this process."""
    api: ApiSettings = request.app.state.api
    web: WebSettings = request.app.state.web
    refused = refusal(
        web.token.get_secret_value() if web.token else None,
        authorization=request.headers.get("authorization", ""),
        host=request.headers.get("host", ""),
        # With an address of its own there is a proxy, which sends on what comes from elsewhere.
        is_local=is_loopback(api.host) and api.public_url is None,
    )
    if refused is not None:
        return problem(refused.status, refused.reason, headers=refused.headers)
    registry: CollectorRegistry = request.app.state.registry
    return Response(generate_latest(registry), media_type=CONTENT_TYPE_PLAIN_0_0_4)
