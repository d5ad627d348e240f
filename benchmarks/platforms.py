"""Platforms beside Messenger, in one run: raw events → records of messages, and these → rows.

What a capture-platforms worker made of a crowd's events is what the persist worker then makes rows of. Each
run has an environment of its own, for the names of a platform's topics come from that.
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from app.kafka.topics import groups_of, topics_of
from app.settings import Role
from benchmarks import backlog, capture
from benchmarks.chatter import Chatter, Crowd
from benchmarks.clocks import appended, committed_rows, until_done
from benchmarks.feeding import Feeder
from benchmarks.measuring import run_of
from benchmarks.processes import SAMPLE_S, DidNotFinish, Watch, worker
from benchmarks.rounds import in_turn
from benchmarks.rules import set_rules
from benchmarks.sizes import CHAT_LOG, MESSAGES, bytes_a_row, settle
from benchmarks.workload import last_month_ms

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from app.settings import Settings
    from benchmarks.backlog import Backlog
    from benchmarks.measuring import Run
    from benchmarks.plan import Size
    from benchmarks.services import Services

CAPTURE, PERSIST = "platforms: capture", "platforms: persist"
MESSENGER, TWITCH, DISCORD = "messenger", "twitch", "discord"
ONE_CHANNEL, RULED, WITHOUT_RAW = "twitch, one channel", "twitch, 10,000 rules", "twitch, no raw_payload"
RULES = 10_000
#: Some of the channels are sampled, but for hardly any message: the same work, and the same records.
_RATES = (1.0, 0.9999) * (RULES // 2)
#: So many messages come of everybody, as of everybody in Messenger's backlog.
_SAID_BY_EACH = 20
_CHANNELS = 100
#: The pace at which the backlogs were said.
_PER_S = 833.0
_SLOWEST_PER_S = 800
_STARTS_WITHIN_S = 60


@dataclass(frozen=True, slots=True)
class _Entrant:
    """What a worker works on.

    Attributes:
        name: of the contender.
        platform: whose events.
        channels: of the crowd.
        rules: how many channels have rules of their own, the crowd's among them.
        keep_raw: whether the events are kept as they came.
    """

    name: str
    platform: str
    channels: int = _CHANNELS
    rules: int = 0
    keep_raw: bool = True


_ENTRANTS = (
    _Entrant(TWITCH, "twitch"),
    _Entrant(ONE_CHANNEL, "twitch", channels=1),
    _Entrant(RULED, "twitch", rules=RULES),
    _Entrant(DISCORD, "discord"),
)
#: Only to be made rows of.
_WITHOUT_RAW = _Entrant(WITHOUT_RAW, "twitch", keep_raw=False)
_TO_ROWS = (TWITCH, ONE_CHANNEL, WITHOUT_RAW, DISCORD)
#: Those that no goal of rows is about.
_MORE_TO_ROWS = {ONE_CHANNEL, DISCORD}


async def compare(services: Services, size: Size, note: Callable[[Run], None]) -> None:
    """Measure capture, then persist: every contender once a round, in an order that turns with the round.

    Args:
        services: for nobody else.
        size: how much, and how often.
        note: told of each run.
    """
    beside = await backlog.make(services, "beside-platforms", size.platform_messages)
    captured: dict[str, Settings] = {}
    for number in range(size.platform_rounds):
        entrants = [one for one in _ENTRANTS if size.every_contender or one.name != DISCORD]
        for entrant in in_turn((None, *entrants), number):
            if entrant is None:
                note(await capture.run(services, beside, MESSENGER, number, part=CAPTURE))
            else:
                captured[entrant.name], run = await _capture(
                    services, entrant, size.platform_messages, number
                )
                note(run)
    captured[WITHOUT_RAW], _ = await _capture(services, _WITHOUT_RAW, size.platform_messages, 0)
    for number in range(size.platform_rounds):
        left_out = set() if size.every_contender else _MORE_TO_ROWS
        for name in in_turn((MESSENGER, *(one for one in _TO_ROWS if one not in left_out)), number):
            if name == MESSENGER:
                note(await _persist_entries(services, beside, number))
            else:
                note(await _persist_messages(services, name, captured[name], size.platform_messages, number))


def bytes_ratio(runs: Sequence[Run], name: str) -> float | None:
    """Return the bytes of a contender's rows in those of chat_log's; None if either was not measured."""
    of = {run.contender: run.figures["bytes_a_row"] for run in runs if run.part == PERSIST}
    return of[name] / of[MESSENGER] if {name, MESSENGER} <= of.keys() else None


async def _capture(services: Services, entrant: _Entrant, messages: int, number: int) -> tuple[Settings, Run]:
    """Return the settings of a run, whose topics stay, and what it was like."""
    platform = entrant.platform
    name = f"{entrant.name.replace(',', '').replace(' ', '-').replace('_', '-')}-{number}"
    settings = await services.fresh(f"captured-{name}", vlab_env=name[:30], platforms=(platform,))
    await set_rules(services, platform, _RATES[: entrant.rules], keep_raw=entrant.keep_raw)
    topics = topics_of(settings.topology)
    events, made = topics.platform_events[platform].name, topics.messages[platform].name
    chatter = Chatter(platform, Crowd(messages // _SAID_BY_EACH, entrant.channels))
    async with Feeder(settings) as feeder:
        await feeder.feed(events, chatter.events(messages, start_ms=last_month_ms(), per_s=_PER_S))
    async with worker(Role.CAPTURE_PLATFORMS, settings, services.directory) as contender:
        timeout_s = messages / _SLOWEST_PER_S + _STARTS_WITHIN_S
        group = groups_of(settings.topology).capture_platforms
        await until_done(services, group, [events], [contender], timeout_s)
    span = await appended(services, made)
    if span.total != messages:
        raise DidNotFinish(f"{entrant.name} made {span.total:,} records of {messages:,} events")
    await services.drop_topics(events)
    return settings, run_of(CAPTURE, entrant.name, span, [contender], number)


async def _persist_entries(services: Services, entries: Backlog, number: int) -> Run:
    settings = await services.fresh(f"beside-{number}", vlab_chat_log_topic=entries.entries)
    run = await _persist(services, MESSENGER, settings, entries.entries, entries.messages, number)
    run.figures.update(settling_ms_per_1000=0.0)
    run.figures.update(bytes_a_row=await bytes_a_row(services, CHAT_LOG, entries.messages))
    return run


async def _persist_messages(
    services: Services, name: str, captured: Settings, messages: int, number: int
) -> Run:
    (platform,) = captured.topology.platforms
    settings = await services.fresh(
        f"rows-{captured.topology.vlab_env}-{number}",
        vlab_env=captured.topology.vlab_env,
        platforms=(platform,),
    )
    topic = topics_of(settings.topology).messages[platform].name
    run = await _persist(services, name, settings, topic, messages, number)
    postgres, began = Watch(services.postgres.pid), time.time()
    await settle(services, platform)
    await asyncio.sleep(2 * SAMPLE_S)
    postgres.end()
    settling_s = postgres.cpu_s(began, time.time())
    run.figures.update(settling_ms_per_1000=round(settling_s / messages * 1e6, 1))
    run.figures.update(bytes_a_row=await bytes_a_row(services, MESSAGES, messages))
    return run


async def _persist(
    services: Services, name: str, settings: Settings, topic: str, messages: int, number: int
) -> Run:
    postgres = Watch(services.postgres.pid)
    async with worker(Role.PERSIST, settings, services.directory) as contender:
        timeout_s = messages / _SLOWEST_PER_S + _STARTS_WITHIN_S
        group = groups_of(settings.topology).persist
        await until_done(services, group, [topic], [contender], timeout_s)
    postgres.end()
    rows = await committed_rows(services, "chat_log" if name == MESSENGER else "messages")
    if rows.total != messages:
        raise DidNotFinish(f"{name} wrote {rows.total:,} rows of {messages:,} records")
    run = run_of(PERSIST, name, rows, [contender], number)
    postgres_s = postgres.cpu_s(rows.first, rows.last)
    run.figures.update(postgres_ms_per_1000=round(postgres_s / rows.counted * 1e6, 1))
    return run
