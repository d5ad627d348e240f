"""The heart of it: every event is joined with its user's state before it, however the two topics are read."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agents.capture import headroom, states
from agents.capture.times import DISORDER_MS
from app.worker.watch.figures import by_label, total
from models.fields import TIMESTAMP_MAX_MS
from models.partitioners import Partitioner, partition_of
from tests import virtual_time
from tests.agents.partition import Said, Shape, World, questions_before

START_MS = 1_760_000_000_000
#: Bounds that short random histories reach.
RUN_AHEAD, AHEAD_MAX = 6, 12


@pytest.fixture(autouse=True, scope="module")
def _short_histories() -> Any:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(headroom, "RUN_AHEAD", RUN_AHEAD)
        patch.setattr(headroom, "AHEAD_MAX", AHEAD_MAX)
        yield


#: Where producers put events, and states.
Place = Callable[[Said], int]
Places = tuple[Place, Place]


def always_the_first(_: Said) -> int:
    return 0


def places_of(chance: random.Random, kind: str, partitions: int) -> Place:
    """Return where a producer of a kind puts records."""
    partitioners = list(Partitioner)
    chosen, later = chance.choice(partitioners), chance.choice(partitioners)
    changes_at = START_MS + chance.randrange(300_000)

    def place(said: Said) -> int:
        if kind == "anywhere":
            return chance.randrange(partitions)
        has_changed = kind == "changes" and said.arrives_ms > changes_at
        return partition_of(later if has_changed else chosen, said.user.encode(), partitions)

    return place


def records(
    chance: random.Random, count: int, users: int, span_ms: int, *, late_ms: int, liars: float
) -> list[Said]:
    """Draw records of some users, in the order in which they come into the log.

    Each comes up to `late_ms` after the time that it says.
    """
    drawn = []
    for number in range(count):
        made_ms = START_MS + chance.randrange(span_ms)
        # Often at the very same time as others: before means strictly before.
        made_ms -= made_ms % chance.choice([1, 1, 1000])
        arrives_ms = made_ms + chance.randrange(late_ms + 1)
        lies = chance.random() < liars
        claimed_ms = chance.choice([TIMESTAMP_MAX_MS, made_ms + 3_600_000]) if lies else made_ms
        drawn.append(Said(f"user-{chance.randrange(users)}", claimed_ms, arrives_ms, number, lies))
    return sorted(drawn, key=lambda said: said.arrives_ms)


async def one_run(
    chance: random.Random,
    events: list[Said],
    states: list[Said],
    *,
    live: bool,
    kills: int,
    shape: Shape | None = None,
    places: Places | None = None,
) -> World:
    """Have workers read all records, killed now and then, and return when all is done."""
    world = World(chance, shape)
    of_events, of_states = places or (always_the_first, always_the_first)
    logs = [(world.events_logs[of_events(said)], Said.as_event, said) for said in events]
    logs += [(world.states_logs[of_states(said)], Said.as_state, said) for said in states]
    logs.sort(key=lambda each: each[2].arrives_ms)
    if not live:
        for log, encode, said in logs:
            log.append(encode(said), said.arrives_ms)
    world.start()

    async def produce() -> None:
        # The last part comes while the worker runs, ten times as fast as it did.
        for number, (log, encode, said) in enumerate(logs):
            if number > len(logs) // 3:
                await asyncio.sleep((said.arrives_ms - logs[number - 1][2].arrives_ms) / 10_000)
            log.append(encode(said), said.arrives_ms)

    producing = asyncio.create_task(produce() if live else asyncio.sleep(0))
    for _ in range(kills):
        await asyncio.sleep(chance.uniform(0, 20))
        await world.kill()
        world.start()
    await producing
    await world.all_done()
    await world.kill()
    return world


def check(world: World, events: list[Said], states: list[Said]) -> None:
    expected = questions_before(events, states)
    honest = {f"event {said.number}" for said in events if not said.lies}
    produced: dict[str, set[str | None]] = {}
    for entry in world.producer.entries:
        produced.setdefault(entry["content"], set()).add(entry["question_ref"])
    assert produced.keys() == expected.keys()
    # The same answer each time, where an event was read twice.
    assert {what: answers for what, answers in produced.items() if what in honest} == {
        what: {expected[what]} for what in honest
    }
    assert world.dead_letters.sent == []


@given(
    seed=st.integers(0, 2**32),
    users=st.integers(1, 4),
    counts=st.tuples(st.integers(0, 60), st.integers(0, 120)),
    span_s=st.sampled_from([1, 30, 300, 7200]),
    late=st.booleans(),
)
@settings(max_examples=200)
def test_after_a_lag_every_event_has_its_state(
    seed: int, users: int, counts: tuple[int, int], span_s: int, late: bool
) -> None:
    """All is in the log, out of order as it may be, when the worker begins."""
    chance = random.Random(seed)
    late_ms = DISORDER_MS - 1 if late else 0
    events = records(chance, counts[0], users, span_s * 1000, late_ms=late_ms, liars=0)
    states = records(chance, counts[1], users, span_s * 1000, late_ms=late_ms, liars=0)
    world = virtual_time.run(one_run(chance, events, states, live=False, kills=0))
    check(world, events, states)


@given(
    seed=st.integers(0, 2**32),
    users=st.integers(1, 4),
    counts=st.tuples(st.integers(0, 60), st.integers(0, 120)),
    span_s=st.sampled_from([1, 30, 300, 7200]),
)
@settings(max_examples=200)
def test_live_every_event_has_its_state(seed: int, users: int, counts: tuple[int, int], span_s: int) -> None:
    """A state is in the log before any event that came of it; an event may come late."""
    chance = random.Random(seed)
    events = records(chance, counts[0], users, span_s * 1000, late_ms=DISORDER_MS - 1, liars=0)
    states = records(chance, counts[1], users, span_s * 1000, late_ms=0, liars=0)
    world = virtual_time.run(one_run(chance, events, states, live=True, kills=0))
    check(world, events, states)


@given(
    seed=st.integers(0, 2**32),
    users=st.integers(1, 3),
    counts=st.tuples(st.integers(1, 60), st.integers(1, 120)),
    live=st.booleans(),
    kills=st.integers(1, 5),
)
@settings(max_examples=200)
def test_a_worker_that_is_killed_joins_what_it_reads_again_as_it_did_before(
    seed: int, users: int, counts: tuple[int, int], live: bool, kills: int
) -> None:
    chance = random.Random(seed)
    events = records(chance, counts[0], users, 300_000, late_ms=DISORDER_MS - 1, liars=0)
    states = records(chance, counts[1], users, 300_000, late_ms=0 if live else DISORDER_MS - 1, liars=0)
    world = virtual_time.run(one_run(chance, events, states, live=live, kills=kills))
    check(world, events, states)


@given(
    seed=st.integers(0, 2**32),
    users=st.integers(1, 3),
    counts=st.tuples(st.integers(1, 60), st.integers(1, 120)),
    live=st.booleans(),
)
@settings(max_examples=200)
def test_records_that_claim_to_be_of_the_future_do_not_mislead_the_others(
    seed: int, users: int, counts: tuple[int, int], live: bool
) -> None:
    chance = random.Random(seed)
    late_ms = DISORDER_MS - 1
    events = records(chance, counts[0], users, 300_000, late_ms=late_ms, liars=0.1)
    states = records(chance, counts[1], users, 300_000, late_ms=0 if live else late_ms, liars=0.1)
    world = virtual_time.run(one_run(chance, events, states, live=live, kills=0))
    check(world, events, states)


PRODUCERS = st.sampled_from(["partitioner", "changes", "anywhere"])


@given(
    seed=st.integers(0, 2**32),
    users=st.integers(1, 8),
    counts=st.tuples(st.integers(0, 60), st.integers(0, 120)),
    shape=st.builds(Shape, *(st.integers(1, most) for most in (4, 4, 3, 3))),
    producers=st.tuples(PRODUCERS, PRODUCERS),
    span_s=st.sampled_from([1, 30, 300, 7200]),
    live=st.booleans(),
    kills=st.integers(0, 3),
)
@settings(max_examples=200)
def test_wherever_producers_put_them_every_event_has_its_state(
    seed: int,
    users: int,
    counts: tuple[int, int],
    shape: Shape,
    producers: tuple[str, str],
    span_s: int,
    live: bool,
    kills: int,
) -> None:
    """By any partitioner, by another one from some time on, or anywhere; with any numbers of partitions."""
    chance = random.Random(seed)
    late_ms = DISORDER_MS - 1
    events = records(chance, counts[0], users, span_s * 1000, late_ms=late_ms, liars=0)
    states = records(chance, counts[1], users, span_s * 1000, late_ms=0 if live else late_ms, liars=0)
    # Of two states of one time, the later in the log counts; in two partitions, none is the later.
    states = list({(said.user, said.claimed_ms): said for said in states}.values())
    places = (
        places_of(chance, producers[0], shape.events),
        places_of(chance, producers[1], shape.states),
    )
    world = virtual_time.run(
        one_run(chance, events, states, live=live, kills=kills, shape=shape, places=places)
    )
    check(world, events, states)


def in_turn(count: int, every_ms: int, **fields: Any) -> list[Said]:
    """Records of one user, at regular times."""
    return [
        Said("user-0", START_MS + number * every_ms, START_MS + number * every_ms, number, **fields)
        for number in range(count)
    ]


async def started(events: list[Said], states: list[Said]) -> World:
    world = World(random.Random(1))
    for said in events:
        world.events.append(said.as_event(), said.arrives_ms)
    for said in states:
        world.states.append(said.as_state(), said.arrives_ms)
    world.start()
    return world


@pytest.mark.parametrize(("users", "read_at_most"), [(1, 400), (100, 100)], ids=["of one user", "of many"])
def test_states_do_not_run_ahead_of_events_that_cannot_be_joined_yet(users: int, read_at_most: int) -> None:
    """The brokers do not take entries: nothing that the events still need is forgotten, nor piled up."""

    async def test() -> None:
        events, states = in_turn(40, 60_000), in_turn(400, 6_000)
        states = [replace(said, user=f"user-{said.number % users}") for said in states]
        world = World(random.Random(1))
        for said in states:
            world.states.append(said.as_state(), said.arrives_ms)
        for said in events:
            world.events.append(said.as_event(), said.arrives_ms)
        world.producer.up.clear()
        world.chunk_sizes = [1, 2, 5]  # a chunk of all the events would need all the states
        world.start()
        await asyncio.sleep(600)
        assert world.states.done_to < read_at_most
        assert world.producer.entries == []

        world.producer.up.set()
        await world.all_done()
        check(world, events, states)

    virtual_time.run(test())


@pytest.mark.parametrize("events_partitions", [2, 3], ids=["equal partitions", "unlike partitions"])
def test_events_that_come_long_after_their_states_and_others_find_theirs(events_partitions: int) -> None:
    """As when a backlog is produced topic by topic, and one partition after another."""

    async def test() -> None:
        users = ["user-0", "user-1"]
        first, second = (partition_of(Partitioner.MURMUR2, user.encode(), 2) for user in users)
        assert first != second
        states = [replace(said, user=user) for user in users for said in in_turn(RUN_AHEAD, 60_000)]
        early, late = ([replace(said, user=user) for said in in_turn(RUN_AHEAD, 60_000)] for user in users)
        late = [replace(said, number=100 + said.number) for said in late]
        shape = Shape(events=events_partitions, states=2, homes=2, workers=2)
        world = World(random.Random(1), shape)
        world.start()
        for said in states:
            place = partition_of(Partitioner.MURMUR2, said.user.encode(), 2)
            world.states_logs[place].append(said.as_state(), START_MS + 600_000)
        await world.all_done()
        for events, place in ((early, first), (late, second)):
            for said in events:
                world.events_logs[place].append(said.as_event(), START_MS + 700_000)
            await world.all_done()
            await asyncio.sleep(60)
        check(world, [*early, *late], states)

    virtual_time.run(test())


def test_with_no_events_to_come_states_are_read_on_and_old_ones_forgotten() -> None:
    async def test() -> None:
        world = await started([], in_turn(1000, 1_000))
        await world.all_done()
        # As many as are kept in any case, and those of the last moments, which late events may need.
        assert world.longest_history <= RUN_AHEAD + DISORDER_MS // 1_000 + 1

    virtual_time.run(test())


def test_a_user_whose_states_are_too_large_for_the_changelog_does_not_stop_the_others(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def test() -> None:
        large = [replace(said, md_bytes=200_000) for said in in_turn(60, 1_000)]
        other = [replace(said, user="other", number=100 + said.number) for said in in_turn(60, 1_000)]
        # The chunk of both users' events waits for the last state, so that all of them are needed at once.
        events = [replace(large[-1], md_bytes=0, claimed_ms=START_MS + 58_500), *other[5::7]]
        world = await started(events, sorted([*large, *other], key=lambda said: said.arrives_ms))
        await world.all_done()
        check(world, events, [*large, *other])

    virtual_time.run(test())
    assert "too large to be kept" in caplog.text


def test_what_is_no_event_or_state_is_a_dead_letter_and_its_neighbours_are_joined() -> None:
    async def test() -> None:
        events, states = in_turn(6, 60_000), in_turn(12, 30_000)
        world = World(random.Random(1))
        world.events.append(b"{", START_MS)
        world.states.append(b"[]", START_MS)
        for said in states:
            world.states.append(said.as_state(), said.arrives_ms)
        for said in events:
            world.events.append(said.as_event(), said.arrives_ms)
        # A message without a time cannot be a row, an empty value cannot be an event.
        world.events.append(b'{"sender": {"id": "user-0"}, "message": {"text": "when?"}}', START_MS)
        world.events.append(b"", START_MS)
        world.states.append(b'{"userid": "user-0", "updated": "yesterday", "state_json": {}}', START_MS)
        world.start()
        await world.all_done()

        letters = {(letter.topic, letter.offset): letter for letter in world.dead_letters.sent}
        assert {place: str(letter.reason) for place, letter in letters.items()} == {
            ("events", 0): "not_json",
            ("events", 7): "missing_field",
            ("events", 8): "empty",
            ("states", 0): "not_an_object",
            ("states", 13): "wrong_type",
        }
        assert letters["events", 0].value == b"{"
        world.dead_letters.sent.clear()
        check(world, events, states)
        assert total(world.feed.states) == 12
        assert total(world.capture.entries) == 6

    virtual_time.run(test())


@pytest.mark.parametrize(
    ("bad", "question", "metadata"),
    [
        pytest.param(
            b'{"userid": "u", "updated": %d, "state_json": {"question": "q2", "forms": "f2"}}',
            "q2",
            None,
            id="forms of no use",
        ),
        pytest.param(
            b'{"userid": "u", "updated": %d, "state_json": {"md": [], "question": {}}}',
            None,
            None,
            id="nothing of use",
        ),
        pytest.param(
            b'{"userid": "u", "updated": %d, "state_json": {"question": "q2", "md": {"a": 1e400}}}',
            "q2",
            {"a": None},
            id="a number of no use",
        ),
        pytest.param(b'{"userid": "u", "updated": %d}', None, None, id="no state"),
        pytest.param(b'{"userid": "u", "upd', None, None, id="cut off"),
        pytest.param(None, None, None, id="a tombstone"),
    ],
)
def test_after_a_bad_state_the_one_before_it_is_no_longer_in_force(
    bad: bytes | None, question: str | None, metadata: dict[str, Any] | None
) -> None:
    async def test() -> None:
        world = World(random.Random(1))
        good = b'{"userid": "u", "updated": %d, "state_json": {"forms": ["f1"], "question": "q1", "md": {}}}'
        world.states.append(good % START_MS, START_MS)
        if bad is not None and b"%d" in bad:
            world.states.append(bad % (START_MS + 2_000), START_MS + 9_000, key=b"u")
        else:
            world.states.append(bad, START_MS + 2_000, key=b"u")
        world.states.append(good % (START_MS + 4_000), START_MS + 4_000)
        for second in (1, 3, 5):
            text = b'{"sender": {"id": "u"}, "timestamp": %d, "message": {"text": "%d"}}'
            world.events.append(text % (START_MS + second * 1_000, second), START_MS + second * 1_000)
        world.start()
        await world.all_done()
        said = {entry["content"]: entry for entry in world.producer.entries}
        of_before: tuple[Any, ...] = ("q1", "f1", {})
        assert [(said[n]["question_ref"], said[n]["shortcode"], said[n]["metadata"]) for n in "135"] == [
            of_before,
            (question, None, metadata),
            of_before,
        ]
        assert [(letter.topic, letter.offset) for letter in world.dead_letters.sent] == [("states", 1)]

    virtual_time.run(test())


def test_a_state_too_large_to_be_kept_leaves_what_fits_in_force(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(states, "STATE_MAX_BYTES", 1_000)

    async def test() -> None:
        events, states = in_turn(1, 1_000), in_turn(2, 1_000)
        large = replace(states[1], md_bytes=2_000, claimed_ms=START_MS + 1_000)
        world = await started([replace(events[0], claimed_ms=START_MS + 2_000)], [states[0], large])
        await world.all_done()
        (entry,) = world.producer.entries
        assert (entry["question_ref"], entry["shortcode"], entry["metadata"]) == ("q1", "f", None)
        (letter,) = world.dead_letters.sent
        assert (letter.reason, letter.value) == ("too_large", large.as_state())

    virtual_time.run(test())


def test_a_bad_state_that_is_put_back_counts_from_when_it_came_first() -> None:
    async def test() -> None:
        world = World(random.Random(1))
        world.states.append(b"{", START_MS, key=b"u")
        world.start()
        await world.all_done()
        (letter,) = world.dead_letters.sent
        good = b'{"userid": "u", "updated": %d, "state_json": {"question": "q1"}}' % (START_MS + 1_000)
        world.states.append(good, START_MS + 1_000)
        world.states.append(letter.value, START_MS + 60_000, key=letter.key, headers=letter.headers)
        await world.all_done()
        world.events.append(
            b'{"sender": {"id": "u"}, "timestamp": %d, "message": {"text": "hi"}}' % (START_MS + 90_000),
            START_MS + 90_000,
        )
        await world.all_done()
        (entry,) = world.producer.entries
        assert entry["question_ref"] == "q1"
        assert world.dead_letters.sent[1].headers == letter.headers

    virtual_time.run(test())


@pytest.mark.parametrize("known", [True, False])
def test_an_event_that_died_after_the_join_is_joined_with_the_same_state_when_it_is_put_back(
    *, known: bool
) -> None:
    """Whenever that is: its user's history has long forgotten the state, or has one by now."""

    async def test() -> None:
        world = World(random.Random(1))
        world.producer.max_bytes = 1_000
        states = in_turn(200, 60_000)
        if known:
            world.states.append(states[0].as_state(), START_MS)
        large = replace(states[0], claimed_ms=START_MS + 1_000).as_event().replace(b"event 0", b"x" * 2_000)
        world.events.append(large, START_MS + 1_000)
        world.start()
        await world.all_done()
        (letter,) = world.dead_letters.sent

        for said in states[1:]:
            user = said.user if known else "another"
            world.states.append(replace(said, user=user).as_state(), said.arrives_ms)
            world.events.append(replace(said, user="another").as_event(), said.arrives_ms)
            if said.number % 20 == 0:
                await world.all_done()
                await asyncio.sleep(60)  # until that is committed
        if not known:
            world.states.append(replace(states[0], claimed_ms=START_MS - 1).as_state(), START_MS + 15_000_000)
        await world.all_done()
        for again in (1, 2):  # it dies once more before it is stored
            world.producer.max_bytes = 1_000 if again == 1 else 10_000
            world.events.append(letter.value, START_MS + 20_000_000, key=letter.key, headers=letter.headers)
            await world.all_done()
        assert [sent.headers for sent in world.dead_letters.sent] == [letter.headers] * 2
        entry = world.producer.entries[-1]
        assert entry["content"] == "x" * 2_000
        assert entry["question_ref"] == ("q0" if known else None)
        assert entry["shortcode"] == ("f" if known else None)

    virtual_time.run(test())


def test_an_entry_that_the_chat_log_topic_does_not_take_is_a_dead_letter_of_its_event() -> None:
    async def test() -> None:
        events = in_turn(5, 60_000)
        world = World(random.Random(1))
        world.producer.max_bytes = 1_000
        for said in events[:3]:
            world.events.append(said.as_event(), said.arrives_ms)
        large = replace(events[3], number=99).as_event().replace(b"event 99", b"x" * 2_000)
        world.events.append(large, START_MS)
        world.events.append(events[4].as_event(), START_MS)
        world.start()
        await world.all_done()
        (letter,) = world.dead_letters.sent
        assert (letter.topic, letter.offset, letter.value) == ("events", 3, large)
        assert {entry["content"] for entry in world.producer.entries} == {f"event {n}" for n in (0, 1, 2, 4)}
        assert total(world.capture.entries) == 4

    virtual_time.run(test())


def test_every_event_is_counted_by_its_category() -> None:
    async def test() -> None:
        world = World(random.Random(1))
        for raw in (
            b'{"sender": {"id": "u"}, "timestamp": 1, "message": {"text": "hi"}}',
            b'{"sender": {"id": "u"}, "timestamp": 2, "read": {"watermark": 1}}',
            b'{"sender": {"id": "u"}, "timestamp": 3, "read": {"watermark": 2}}',
            b'{"something": "new"}',
        ):
            world.events.append(raw, START_MS)
        world.start()
        await world.all_done()
        assert by_label(world.capture.categories) == {"text": 1, "watermark": 2, "other": 1}
        assert len(world.producer.entries) == 1
        assert world.dead_letters.sent == []

    virtual_time.run(test())
