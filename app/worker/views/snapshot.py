"""What a worker looks like at this moment, as plain data: the one source of the page and the JSON.

Counts, offsets, times and reasons; never a message, a user or a secret.
"""

from __future__ import annotations

import math
import time
from collections import defaultdict
from datetime import UTC, datetime
from importlib.metadata import version
from typing import TYPE_CHECKING, Any, TypeAlias, cast

from app.settings import Role
from app.worker.watch.figures import by_label, distributions, meanings, totals
from app.worker.watch.verdicts import RESTART, concerns

if TYPE_CHECKING:
    from collections.abc import Sequence

    from faust.types import TP

    from app.worker.app import WorkerApp
    from app.worker.roles.capture import CaptureWork
    from app.worker.roles.capture_platforms import CapturePlatformsWork
    from app.worker.roles.export import ExportWork
    from app.worker.roles.persist import PersistWork
    from app.worker.views.rates import Rates
    from app.worker.watch.lag import PartitionLag
    from app.worker.watch.verdicts import Verdict
    from sinks.retry import RetryPolicy

#: What JSON can hold, to be shown or sent as it is.
Snapshot: TypeAlias = dict[str, Any]


def overview(app: WorkerApp) -> Snapshot:
    """Return who the worker is, how it is, and what it has done since it started."""
    assigned: defaultdict[str, list[int]] = defaultdict(list)
    for tp in sorted(app.assigned()):
        assigned[tp.topic].append(tp.partition)
    facts = app.health.look()
    recovery = facts.recovery
    return {
        "role": app.role.value,
        "group": app.lag.group,
        "version": version("chatlog"),
        "uptime_s": round(time.monotonic() - app.began_at, 1),
        "live": verdict(app.health.live()),
        "ready": verdict(app.health.ready()),
        "assignment": dict(assigned),
        "recovery": {"remaining": recovery.remaining, "total": recovery.total} if recovery else None,
        "counters": totals(app.work.registry),
        "categories": _categories(app),
        "ways": ways(app),
        "messages": messages(app),
        "waiting": [
            {"part": waiting.part, "seconds": round(waiting.seconds, 1), "error": waiting.error}
            for waiting in facts.waiting
        ],
    }


def remedies(app: WorkerApp) -> list[Snapshot]:
    """Return what is wrong, the worst first, and what to do about it."""
    stalled = app.health.live().reasons
    return [{"reason": reason, "remedy": RESTART, "severity": "bad"} for reason in stalled] + [
        {"reason": concern.reason, "remedy": concern.remedy, "severity": "warn"}
        for concern in concerns(app.health.look())
    ]


def words_of(app: WorkerApp) -> dict[str, str]:
    """Return what each counter counts, in a sentence."""
    return meanings(app.work.registry)


def ways(app: WorkerApp) -> list[Snapshot]:
    """Return which way a capture worker's records go to where their users have their homes, and why."""
    if not _captures(app):
        return []
    return [
        {"topic": way.topic, "through": way.through, "read": way.read, "led": way.led, "why": way.text}
        for way in _capture(app).ways
    ]


def verdict(judged: Verdict) -> Snapshot:
    """Return a verdict on the worker's health."""
    return {"status": "ok" if judged.ok else "failing", "reasons": list(judged.reasons)}


def lag(app: WorkerApp) -> Snapshot:
    """Return how far the group is behind, by topic and by partition."""
    now, now_s, mine = time.monotonic(), time.time(), app.assigned()
    by_topic: defaultdict[str, list[PartitionLag]] = defaultdict(list)
    for partition in app.lag.partitions:
        by_topic[partition.tp.topic].append(partition)
    return {
        "group": app.lag.group,
        "age_s": round(app.lag.age_s, 1),
        "stale": app.lag.is_stale,
        "error": app.lag.error,
        "topics": [
            {
                "topic": topic,
                "messages": sum(partition.messages for partition in partitions),
                "seconds": _oldest([partition.seconds(now_s) for partition in partitions]),
                "commit_age_s": round(max(partition.commit_age_s(now) for partition in partitions), 1),
                "partitions": [_partition(partition, mine, now, now_s) for partition in partitions],
            }
            for topic, partitions in by_topic.items()
        ],
    }


def sink(app: WorkerApp, rates: Rates) -> Snapshot:
    """Return how the work goes: speed, sizes and times since the start, retries, and what it waits for."""
    return {
        "per_second": {name: round(rate, 1) for name, rate in rates.per_second().items()},
        "retries": sum(policy.retries for policy in app.work.retry_policies),
        "last_error": app.work.retry_policy.last_error,
        "waiting_since": _waiting_since(app.work.retry_policy),
        "parts": [
            {
                "part": policy.part,
                "retries": policy.retries,
                "last_error": policy.last_error,
                "waiting_since": _waiting_since(policy),
            }
            for policy in app.work.retry_policies
        ],
        "distributions": {
            name: {"count": found.count, **found.percentiles}
            for name, found in distributions(app.work.registry).items()
        },
        "last_write": _iso(app.work.registry.get_sample_value("chatlog_last_write_timestamp_seconds")),
    }


def messages(app: WorkerApp) -> list[Snapshot]:
    """Return what was stored of each platform's messages since the start, if the role stores any."""
    if app.role is not Role.PERSIST:
        return []
    work, registry = cast("PersistWork", app.work), app.work.registry
    figures = work.message_figures
    rows, duplicates, refused = map(by_label, (figures.rows, figures.duplicates, figures.refused))
    return [
        {
            "platform": platform,
            "rows": rows.get(platform, 0),
            "duplicates": duplicates.get(platform, 0),
            "refused": refused.get(platform, 0),
            "last_write": _iso(
                registry.get_sample_value(
                    "chatlog_message_last_write_timestamp_seconds", {"platform": platform}
                )
            ),
        }
        for platform in work.topics.messages
    ]


def live_figures(app: WorkerApp) -> Snapshot | None:
    """Return what this worker stored in this minute and the one before, by place; None if it stores none.

    Of all workers together, `GET /v1/figures/live` tells.
    """
    if app.role is not Role.PERSIST:
        return None
    live = cast("PersistWork", app.work).live
    return {"worker": live.worker, "places": live.rows()}


def exports(app: WorkerApp) -> Snapshot | None:
    """Return the exports that are made here now, the longest first; None if the role makes none.

    By id and kind: whose they are, and of which survey, is for their owners to see, not for operators.
    """
    if app.role is not Role.EXPORT:
        return None
    work, now = cast("ExportWork", app.work), time.monotonic()
    return {
        "concurrency": app.settings.exports.concurrency,
        "waiting": work.exports.waiting,
        "failed": by_label(work.attempts.figures.failed),
        "running": [
            {
                "id": str(run.job.export_id),
                "source": run.job.source.value,
                "format": run.job.options.format.value,
                "status": run.status.value,
                "attempt": run.attempt,
                "rows": run.progress.rows,
                "estimate": run.estimate,
                "bytes": run.progress.bytes,
                "seconds": round(now - run.began_at, 1),
                "standstill_s": round(now - run.moved_at, 1),
            }
            for run in sorted(work.exports.runs.values(), key=lambda run: run.began_at)
        ],
    }


def has_gaps(app: WorkerApp) -> bool:
    """Tell whether what connectors missed is for this worker to show."""
    return app.role is Role.CAPTURE_PLATFORMS


async def gaps(app: WorkerApp) -> Snapshot | None:
    """Return what connectors missed lately, those gaps first that go on; None if that is not for the role.

    `gaps` is None where PostgreSQL cannot tell.
    """
    if app.role is not Role.CAPTURE_PLATFORMS or app.database is None:
        return None
    found, now = await app.database.gaps(), datetime.now(UTC)
    if found is None:
        return {"gaps": None}
    return {
        "gaps": [
            {
                "platform": gap.platform,
                "channel": gap.channel,
                "began": _moment(gap.began),
                "ended": _moment(gap.ended),
                "seconds": round(((gap.ended or now) - gap.began).total_seconds(), 1),
                "reason": gap.reason,
                "filled": _moment(gap.filled),
            }
            for gap in found
        ]
    }


async def dead_letters(app: WorkerApp) -> Snapshot:
    """Return how many dead letters there are by reason: made by this process, and kept in the table."""
    return {
        "sent": by_label(app.work.dead_letters.sent),
        "table": await app.database.dead_letters() if app.database else None,
    }


def _partition(partition: PartitionLag, mine: set[TP], now: float, now_s: float) -> Snapshot:
    seconds = partition.seconds(now_s)
    return {
        "partition": partition.tp.partition,
        "mine": partition.tp in mine,
        "beginning": partition.beginning,
        "end": partition.end,
        "committed": partition.committed,
        "messages": partition.messages,
        "held_back": partition.held_back,
        "seconds": None if seconds is None else round(seconds, 1),
        "commit_age_s": round(partition.commit_age_s(now), 1),
    }


def _oldest(seconds: Sequence[float | None]) -> float | None:
    """Return the most of them; None if one is not known, which may be more."""
    known = [some for some in seconds if some is not None]
    return round(max(known), 1) if len(known) == len(seconds) else None


def _waiting_since(policy: RetryPolicy) -> str | None:
    if policy.waiting_since is None:
        return None
    return _iso(time.time() - (time.monotonic() - policy.waiting_since))


def _iso(moment_s: float | None) -> str | None:
    """Return a moment as JSON has it; None if there was none."""
    if moment_s is None or math.isnan(moment_s):
        return None
    return _moment(datetime.fromtimestamp(moment_s, UTC))


def _moment(moment: datetime | None) -> str | None:
    return None if moment is None else moment.astimezone(UTC).isoformat(timespec="milliseconds")


def _categories(app: WorkerApp) -> dict[str, int]:
    """Return how many events there were of each kind."""
    if app.role is Role.CAPTURE_PLATFORMS:
        return by_label(cast("CapturePlatformsWork", app.work).figures.kinds)
    return by_label(_capture(app).capture.categories) if _captures(app) else {}


def _captures(app: WorkerApp) -> bool:
    return app.role is Role.CAPTURE


def _capture(app: WorkerApp) -> CaptureWork:
    return cast("CaptureWork", app.work)
