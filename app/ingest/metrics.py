"""The figures of what is brought to us by HTTP."""

from enum import StrEnum

from prometheus_client import CollectorRegistry, Counter

from app.ingest.meta import CHANGES, OTHER


class Entrance(StrEnum):
    """By which way events come in."""

    API = "api"
    META = "meta"
    TWITCH = "twitch"
    TURNS = "turns"


class Refused(StrEnum):
    """Why a call of a webhook is not believed, or not taken."""

    SIGNATURE = "signature"
    VERIFY_TOKEN = "verify_token"  # noqa: S105  the name of a reason
    TOO_OLD = "too_old"
    NOT_A_PAGE = "not_a_page"
    UNREADABLE = "unreadable"


#: What of deliveries is taken and goes nowhere.
REPEATED, UNKNOWN_TYPE, SWITCHED_OFF = "repeated", "unknown_type", "switched_off"

#: What can be: a figure that is not there before the first time cannot be seen to grow by one.
_REFUSED = (
    (Entrance.META, Refused.SIGNATURE),
    (Entrance.META, Refused.VERIFY_TOKEN),
    (Entrance.META, Refused.NOT_A_PAGE),
    (Entrance.META, Refused.UNREADABLE),
    (Entrance.TWITCH, Refused.SIGNATURE),
    (Entrance.TWITCH, Refused.TOO_OLD),
    (Entrance.TWITCH, Refused.UNREADABLE),
)
_IGNORED = (
    (Entrance.META, CHANGES),
    (Entrance.META, OTHER),
    (Entrance.TWITCH, REPEATED),
    (Entrance.TWITCH, UNKNOWN_TYPE),
    (Entrance.TURNS, SWITCHED_OFF),
)


class IngestMetrics:
    """Counts what is brought, and what becomes of it.

    Attributes:
        taken: events that Kafka has, by entrance and platform.
        not_taken: those that it did not confirm in time.
        refused: calls of webhooks that were not believed, or of no use, by entrance and reason.
        ignored: what was taken and goes nowhere, by entrance and kind.
        revocations: subscriptions that Twitch ended.

    Args:
        registry: what is asked for the figures.
    """

    def __init__(self, registry: CollectorRegistry) -> None:
        self.taken = Counter(
            "chatlog_api_ingest_events", "Events in Kafka", ["entrance", "platform"], registry=registry
        )
        self.not_taken = Counter(
            "chatlog_api_ingest_events_not_taken",
            "Events that Kafka did not confirm",
            ["entrance", "platform"],
            registry=registry,
        )
        self.refused = Counter(
            "chatlog_api_ingest_refused",
            "Calls of webhooks that were refused",
            ["entrance", "reason"],
            registry=registry,
        )
        self.ignored = Counter(
            "chatlog_api_ingest_ignored",
            "What webhooks brought and is not kept",
            ["entrance", "kind"],
            registry=registry,
        )
        self.revocations = Counter(
            "chatlog_api_ingest_revocations", "Subscriptions that Twitch ended", registry=registry
        )
        for refused in _REFUSED:
            self.refused.labels(*refused)
        for ignored in _IGNORED:
            self.ignored.labels(*ignored)
