"""What Twitch's webhook sends: a delivery of EventSub, whose headers say as much as its body.

Twitch signs the delivery's id, its time and its body. To keep anybody from sending a delivery again that they
came by, it recommends to refuse what it sent more than ten minutes ago, and ids that were seen before. A log
must not refuse what is true and late: so the time may be half an hour ago. What is older could be doubled, if
its message came before with another time: those who capture know first times for an hour
(`models.platforms.Platform.has_steady_times`).
"""

from __future__ import annotations

import json
import time
from collections import OrderedDict
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING

import orjson

from app.ingest.signatures import is_signed
from models.values import object_in, text_or_none

if TYPE_CHECKING:
    from collections.abc import Mapping

    from models import JSON

#: How long ago a delivery may have been sent.
OLDEST_S = 30 * 60
#: How many ids are remembered: with some 100 bytes each, 20 MB. What is forgotten is known by its message.
IDS_MAX = 200_000

ID = "Twitch-Eventsub-Message-Id"
TIMESTAMP = "Twitch-Eventsub-Message-Timestamp"
TYPE = "Twitch-Eventsub-Message-Type"
RETRY = "Twitch-Eventsub-Message-Retry"
SIGNATURE = "Twitch-Eventsub-Message-Signature"
#: What goes into a record. The signature does not: with it, whoever reads the record could send it again.
_TOLD = (ID, RETRY, TYPE, TIMESTAMP)


class DeliveryType(StrEnum):
    """What a delivery is."""

    NOTIFICATION = "notification"
    VERIFICATION = "webhook_callback_verification"
    REVOCATION = "revocation"


@dataclass(frozen=True, slots=True)
class TwitchDelivery:
    """A request of Twitch's, or of somebody who says so.

    Attributes:
        headers: by any spelling (`starlette.datastructures.Headers`).
        body: as it came.
    """

    headers: Mapping[str, str]
    body: bytes

    @property
    def message_id(self) -> str:
        """Which delivery it is: the same when it is repeated; empty where that is not told."""
        return self.headers.get(ID, "")

    @property
    def message_type(self) -> str:
        """What it is."""
        return self.headers.get(TYPE, "")

    @property
    def record(self) -> bytes:
        """What goes to Kafka: what the headers tell, and the body as it came."""
        told = {name: self.headers[name] for name in _TOLD if name in self.headers}
        return b'{"headers":%b,"body":%b}' % (orjson.dumps(told), self.body)

    @property
    def content(self) -> dict[str, JSON]:
        """The object that the body holds; an empty one for anything else."""
        try:
            return object_in(json.loads(self.body))
        except (ValueError, RecursionError):
            return {}

    def is_signed(self, secret: str) -> bool:
        """Tell whether it comes from Twitch."""
        signed = (self.message_id + self.headers.get(TIMESTAMP, "")).encode("latin-1") + self.body
        return is_signed(self.headers.get(SIGNATURE), signed, secret)

    def age_s(self, now: float) -> float:
        """Return how long ago it was sent; 0 where that cannot be read: nobody else can have signed it.

        Args:
            now: seconds since 1970.
        """
        try:
            return now - datetime.fromisoformat(self.headers.get(TIMESTAMP, "")).timestamp()
        except ValueError:
            return 0.0


@dataclass(frozen=True, slots=True)
class Revocation:
    """Twitch ends a subscription: nothing comes by it any more.

    Attributes:
        subscription_id: Twitch's id of it.
        subscription_type: what it was to.
        status: why it ended, in Twitch's word.
    """

    subscription_id: str | None
    subscription_type: str | None
    status: str | None

    @classmethod
    def of(cls, delivery: TwitchDelivery) -> Revocation:
        """Read it in a delivery."""
        subscription = object_in(delivery.content.get("subscription"))
        return cls(*(text_or_none(subscription.get(name)) for name in ("id", "type", "status")))


def challenge_in(delivery: TwitchDelivery) -> str | None:
    """Return what Twitch wants to hear from whoever owns the webhook; None if it asks for nothing.

    What is not printable, such as half of a surrogate pair, could not be answered.
    """
    challenge = text_or_none(delivery.content.get("challenge"))
    return challenge if challenge is not None and challenge.isprintable() else None


class SeenIds:
    """The ids of deliveries that Kafka has, for as long as they would be taken again.

    Args:
        kept_s: how long each is remembered.
        at_most: how many; the oldest go first.
    """

    def __init__(self, kept_s: float = OLDEST_S, at_most: int = IDS_MAX) -> None:
        self._kept_s = kept_s
        self._at_most = at_most
        self._seen: OrderedDict[str, float] = OrderedDict()

    def __contains__(self, message_id: str) -> bool:
        """Tell whether it was added."""
        self._forget(time.monotonic())
        return message_id in self._seen

    def add(self, message_id: str) -> None:
        """Remember an id; not that of a delivery that has none."""
        if message_id:
            self._seen[message_id] = time.monotonic()
            self._seen.move_to_end(message_id)

    def _forget(self, now: float) -> None:
        while self._seen:
            first, seen = next(iter(self._seen.items()))
            if len(self._seen) <= self._at_most and now - seen < self._kept_s:
                return
            del self._seen[first]
