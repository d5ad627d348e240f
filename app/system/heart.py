"""What an API says of itself among the processes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from app.postgres.heartbeat import Heartbeat
from models.processes import Beat, ProcessKind, ProcessStanding

if TYPE_CHECKING:
    from app.outbox import Outbox
    from app.settings import Settings


def heart_of_api(settings: Settings, outbox: Outbox) -> Heartbeat:
    """Return what says that this API runs; what else could keep it from that, it could not say."""

    def look() -> Beat:
        if outbox.is_well is False:
            reason = "Kafka does not take the jobs of exports: they wait, and the rest works"
            return Beat(ProcessStanding.UNREADY, (reason,), settings.api.public_url)
        return Beat(address=settings.api.public_url)

    return Heartbeat(settings.database, ProcessKind.API, "api", look)
