"""Whether a worker's memory stays flat over a long backlog. Takes long, so it runs only when asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from app.kafka.topics import groups_of, topics_of
from app.settings import Role
from benchmarks import backlog
from benchmarks.clocks import appended, committed_rows, until_done
from benchmarks.measuring import run_of
from benchmarks.processes import worker

if TYPE_CHECKING:
    from benchmarks.clocks import Span
    from benchmarks.measuring import Run
    from benchmarks.processes import Contender
    from benchmarks.services import Services

PART = "memory"
#: The state table grows with people, not with messages: so many come again and again.
PEOPLE = 20_000
#: The share of the run that is warm-up: caches, pools, the table.
WARM_UP = 0.2
_SLOWEST_PER_S = 1_500


async def measure(services: Services, role: Role, messages: int) -> Run:
    """Let one worker of a role work on a backlog, and watch its memory."""
    topics = backlog.topics_named(f"memory-{role.value}")
    await services.create_topics(*topics)
    values = {"vlab_chat_events_topic": topics.events, "vlab_state_topic": topics.states}
    consumed = [topics.events, topics.states]
    if role is Role.PERSIST:
        values, consumed = {"vlab_chat_log_topic": topics.entries}, [topics.entries]
    settings = await services.fresh(f"memory-{role.value}", **values)
    await backlog.fill(services, topics, messages, consumed, people=PEOPLE)
    group = groups_of(settings.topology).of(role)
    async with worker(role, settings, services.directory) as contender:
        await until_done(services, group, consumed, [contender], messages / _SLOWEST_PER_S)
    if role is Role.CAPTURE:
        made = topics_of(settings.topology)
        span = await appended(services, made.chat_log.name, made.state_changelog.name)
        await services.drop_topics(made.chat_log.name, made.state_changelog.name)
    else:
        span = await committed_rows(services)
    await services.drop_topics(*topics)
    run = run_of(PART, role.value, span, [contender], 0)
    run.figures.update(flatness(contender, span))
    return run


def flatness(contender: Contender, span: Span) -> dict[str, float]:
    """Return the least and the most memory after the warm-up, and how far they are from their middle."""
    warm = span.first + WARM_UP * (span.last - span.first)
    rss = [sample.rss_bytes / 1e6 for sample in contender.samples if warm <= sample.at <= span.last]
    least, most = min(rss), max(rss)
    return {
        "least_mb": round(least, 1),
        "most_mb": round(most, 1),
        "off_middle_percent": round((most - least) / (most + least) * 100, 1),
    }
