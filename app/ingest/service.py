"""What becomes of events that are brought: whether they are believed, can be read, and where they go."""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING

from fastapi.exceptions import RequestValidationError

from app.access import NotAllowed
from app.ingest import twitch
from app.ingest.bodies import record_of
from app.ingest.errors import NoSuchEntrance, NotFromPlatform
from app.ingest.meta import PAGE, opened
from app.ingest.metrics import REPEATED, UNKNOWN_TYPE, Entrance, Refused
from app.ingest.signatures import is_same, is_signed
from models.access import Action, events_thing, may
from models.errors import BadRecord
from models.platforms import PLATFORMS
from sinks.kafka.delivery import OutRecord
from sinks.trouble import Trouble

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from pydantic import SecretStr

    from app.ingest.intake import EventIntake
    from app.ingest.metrics import IngestMetrics
    from app.ingest.twitch import TwitchDelivery
    from app.settings.webhooks import WebhookSettings
    from models.access import Caller

log = logging.getLogger(__name__)

#: Of the events that cannot be read, so many are told.
TOLD_MAX = 10

MESSENGER, TWITCH = "messenger", "twitch"


class Ingest:
    """Takes events of programs that have a token, and of platforms that prove who they are.

    Whatever takes events raises ServiceDown while Kafka is away: then they have to come again.

    Args:
        intake: where they go.
        webhooks: what platforms prove it by.
        metrics: what is counted.
    """

    def __init__(self, intake: EventIntake, webhooks: WebhookSettings, metrics: IngestMetrics) -> None:
        self._intake = intake
        self._webhooks = webhooks
        self._metrics = metrics
        self._seen = twitch.SeenIds()
        self._ignoring = Trouble(log)
        self._doubting = Trouble(log)

    async def hand_in(self, caller: Caller, platform: str, events: Sequence[bytes]) -> None:
        """Take events of a caller's program: all of them, or none that cannot be read is among them.

        Raises:
            NotAllowed: the caller may not.
            NoSuchEntrance: the platform is not known, or not captured here.
            RequestValidationError: some cannot be read; says which, by their place, the first being 0. None
                was taken, unless it was the topic that finds one too large.
        """
        if not may(caller, Action.HAND_IN_EVENTS, events_thing(platform)):
            raise NotAllowed("Your tenant or your scope does not let you hand in events of this platform.")
        self._require_topic(platform)
        records: list[OutRecord] = []
        bad: list[tuple[int, BadRecord]] = []
        for place, event in enumerate(events):
            try:
                records.append(record_of(PLATFORMS[platform], event))
            except BadRecord as error:
                bad.append((place, error))
        _raise_for(bad)
        _raise_for(await self._intake.put(Entrance.API, platform, records))

    def answer_meta(self, mode: str, verify_token: str) -> None:
        """Return if it is Meta that asks whether the webhook is ours.

        Raises:
            NotFromPlatform: it is not, or it asks for something else.
            NoSuchEntrance: META_VERIFY_TOKEN is not set.
        """
        expected = _secret(self._webhooks.meta_verify_token, "META_VERIFY_TOKEN")
        if mode != "subscribe" or not is_same(verify_token, expected):
            raise self._doubt(
                Entrance.META, Refused.VERIFY_TOKEN, "This is not the verify token that is set here."
            )

    async def take_from_meta(self, signature: str | None, body: bytes) -> None:
        """Take the events of an envelope of a page.

        Raises:
            NotFromPlatform: the body is not signed by Meta.
            NoSuchEntrance: META_APP_SECRET is not set.
            RequestValidationError: it is no envelope of a page.
        """
        secret = _secret(self._webhooks.meta_app_secret, "META_APP_SECRET")
        if not is_signed(signature, body, secret):
            raise self._doubt(
                Entrance.META, Refused.SIGNATURE, "X-Hub-Signature-256 is not that of this body."
            )
        envelope = opened(body)
        if envelope is None:
            self._count_refused(Entrance.META, Refused.UNREADABLE)
            raise _unusable([(None, "not an envelope of a webhook")])
        if envelope.of != PAGE:
            self._count_refused(Entrance.META, Refused.NOT_A_PAGE)
            raise _unusable([("object", "only webhooks of a page are taken here: `page`")])
        self._ignore(Entrance.META, envelope.ignored)
        if envelope.events:
            key_of = PLATFORMS[MESSENGER].key_of
            records = [_keyed(key_of(event), event) for event in envelope.events]
            _raise_for(await self._intake.put(Entrance.META, MESSENGER, records))

    async def take_from_twitch(self, delivery: TwitchDelivery) -> str | None:
        """Take a delivery; return what Twitch wants to hear, if it asks whether the webhook is ours.

        Raises:
            NotFromPlatform: it is not signed by Twitch, or was sent too long ago.
            NoSuchEntrance: TWITCH_EVENTSUB_SECRET is not set, or Twitch is not captured here.
            RequestValidationError: it asks for an answer, and does not say for which.
        """
        secret = _secret(self._webhooks.twitch_eventsub_secret, "TWITCH_EVENTSUB_SECRET")
        self._require_topic(TWITCH)
        if not delivery.is_signed(secret):
            raise self._doubt(
                Entrance.TWITCH, Refused.SIGNATURE, f"{twitch.SIGNATURE} is not that of this delivery."
            )
        if delivery.age_s(time.time()) > twitch.OLDEST_S:
            raise self._doubt(
                Entrance.TWITCH,
                Refused.TOO_OLD,
                f"This was sent more than {twitch.OLDEST_S // 60} minutes ago.",
            )
        match delivery.message_type:
            case twitch.DeliveryType.NOTIFICATION:
                await self._take_notification(delivery)
            case twitch.DeliveryType.VERIFICATION:
                return self._challenge(delivery)
            case twitch.DeliveryType.REVOCATION:
                self._note_revocation(twitch.Revocation.of(delivery))
            case _:
                self._ignore(Entrance.TWITCH, [UNKNOWN_TYPE])
        return None

    async def _take_notification(self, delivery: TwitchDelivery) -> None:
        if delivery.message_id in self._seen:
            self._metrics.ignored.labels(Entrance.TWITCH, REPEATED).inc()
            return
        record = _keyed(PLATFORMS[TWITCH].key_of(delivery.record), delivery.record)
        _raise_for(await self._intake.put(Entrance.TWITCH, TWITCH, [record]))
        # Only now: while Kafka is away, the same delivery has to come again.
        self._seen.add(delivery.message_id)

    def _challenge(self, delivery: TwitchDelivery) -> str:
        challenge = twitch.challenge_in(delivery)
        if challenge is None:
            self._count_refused(Entrance.TWITCH, Refused.UNREADABLE)
            raise _unusable([("challenge", "missing")])
        return challenge

    def _note_revocation(self, revoked: twitch.Revocation) -> None:
        self._metrics.revocations.inc()
        log.warning(
            "Twitch has ended a subscription: nothing comes by it any more, until it is made anew",
            extra={
                "subscription": revoked.subscription_id,
                "type": revoked.subscription_type,
                "status": revoked.status,
            },
        )

    def _require_topic(self, platform: str) -> None:
        if platform not in PLATFORMS:
            raise NoSuchEntrance(f"There is no such platform; there are {', '.join(PLATFORMS)}.")
        if platform not in self._intake.topics:
            raise NoSuchEntrance(f"{platform} is not captured here: PLATFORMS does not name it.")

    def _doubt(self, entrance: Entrance, reason: Refused, said: str) -> NotFromPlatform:
        self._count_refused(entrance, reason)
        return NotFromPlatform(said)

    def _count_refused(self, entrance: Entrance, reason: Refused) -> None:
        self._metrics.refused.labels(entrance, reason).inc()
        self._doubting.note(
            "A call of a webhook is refused", {"entrance": entrance.value, "reason": reason.value}
        )

    def _ignore(self, entrance: Entrance, kinds: Iterable[str]) -> None:
        for kind in kinds:
            self._metrics.ignored.labels(entrance, kind).inc()
            self._ignoring.note(
                "A webhook brings what is not kept", {"entrance": entrance.value, "kind": kind}
            )


def _secret(secret: SecretStr | None, variable: str) -> str:
    if secret is None:
        raise NoSuchEntrance(f"This webhook is not set up: {variable} is not set.")
    return secret.get_secret_value()


def _keyed(key: str | None, event: bytes) -> OutRecord:
    return OutRecord(None if key is None else key.encode(), event)


def _raise_for(bad: Sequence[tuple[int, BadRecord]]) -> None:
    if bad:
        raise _unusable([(place, error.detail) for place, error in bad[:TOLD_MAX]])


def _unusable(found: Sequence[tuple[int | str | None, str]]) -> RequestValidationError:
    """Return what is answered as a mistake in the body, at these places."""
    return RequestValidationError(
        [
            {"type": "value_error", "loc": ("body",) if place is None else ("body", place), "msg": said}
            for place, said in found
        ]
    )
