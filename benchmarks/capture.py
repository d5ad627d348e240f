"""Events and states in Kafka → entries in Kafka: our worker and the idiom of the guides.

Ours works on two backlogs of the same conversations: one whose topics are partitioned alike, and one whose
states are partitioned by another partitioner than the events, so that three of four events, as there are four
partitions, are led home to where the states are.

Both topics are there before, with one state for every two events. The clock runs from the first record that a
contender appends (entry or change of its table) to the last of either, so the states' share is in it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from app.kafka.topics import groups_of, topics_of
from app.settings import Role
from benchmarks.clocks import appended, until_done
from benchmarks.measuring import run_of
from benchmarks.processes import DidNotFinish, baseline, worker
from benchmarks.rounds import in_turn

if TYPE_CHECKING:
    from collections.abc import Callable

    from benchmarks.backlog import Backlog
    from benchmarks.measuring import Run
    from benchmarks.services import Services

PART = "capture"
OURS, HOP, FAUST = "chatlog", "chatlog unlike", "faust idiom"
_SLOWEST_PER_S = 800
_STARTS_WITHIN_S = 60


async def compare(
    services: Services, backlogs: dict[str, Backlog], rounds: int, note: Callable[[Run], None]
) -> None:
    """Run every contender once a round, in an order that turns with the round.

    Args:
        services: with the backlogs.
        backlogs: of each contender. The slower one's may be shorter: speed does not depend on it.
        rounds: how often.
        note: told of each run.
    """
    for number in range(rounds):
        for name in in_turn((OURS, HOP, FAUST), number):
            note(await run(services, backlogs[name], name, number))


async def run(services: Services, backlog: Backlog, name: str, number: int, part: str = PART) -> Run:
    """Run one contender; as part of another comparison under that one's name."""
    settings = await services.fresh(
        f"{part}-{name}-{number}".replace(" ", "-").replace(":", ""),
        vlab_chat_events_topic=backlog.events,
        vlab_state_topic=backlog.states,
    )
    topics = topics_of(settings.topology)
    started = (
        baseline("capture_faust", [], settings, services.directory)
        if name == FAUST
        else worker(Role.CAPTURE, settings, services.directory)
    )
    async with started as contender:
        timeout_s = backlog.messages / _SLOWEST_PER_S + _STARTS_WITHIN_S
        consumed = [backlog.events, backlog.states]
        group = groups_of(settings.topology).capture
        await until_done(services, group, consumed, [contender], timeout_s)
        if name == HOP:
            led = [topics.events_by_user.name, topics.states_by_user.name]
            await until_done(services, group, led, [contender], timeout_s)
    span = await appended(services, topics.chat_log.name, topics.state_changelog.name)
    if span.total != backlog.messages:
        raise DidNotFinish(f"{name} made {span.total:,} entries of {backlog.messages:,} events")
    await services.drop_topics(topics.chat_log.name, topics.state_changelog.name)
    return run_of(part, name, span, [contender], number)
