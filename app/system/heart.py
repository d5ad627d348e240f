"""What an API says of itself among the processes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from app.postgres.heartbeat import Heartbeat
from models.processes import Beat, ProcessKind, ProcessStanding

if TYPE_CHECKING:
    from app.outbox import Outbox
    from app.settings.database import DatabaseSettings


def heart_of_api(database: DatabaseSettings, address: str, outbox: Outbox) -> Heartbeat:
    """Return what says that this API runs; what else could keep it from that, it could not say.

    Args:
        database: where that is said.
        address: at which browsers reach it.
        outbox: tells whether Kafka takes the jobs of exports.
    """

    def look() -> Beat:
        if outbox.is_well is False:
            reason = "Kafka does not take the jobs of exports: they wait, and the rest works"
            return Beat(ProcessStanding.UNREADY, (reason,), address)
        return Beat(address=address)

    return Heartbeat(database, ProcessKind.API, "api", look)
