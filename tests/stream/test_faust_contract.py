"""What we rely on in Faust, mode and aiokafka: fails when another version differs, and names what to look at.

Three things: the versions, the shape of all that we override, call or touch, and the text of what we read and
wrote our own in place of, or around. The versions are looked at by `make test`, the rest, which depends on
nothing else, by `make test-upgrade`. How it behaves is in test_transport*.py. What to do when this fails:
docs/faust.md.
"""

from __future__ import annotations

import hashlib
import inspect
import re
import tomllib
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import aiokafka
import faust
import pytest
from aiokafka.consumer import fetcher as aiokafka_fetcher
from aiokafka.consumer import group_coordinator, subscription_state
from aiokafka.producer import message_accumulator, sender
from faust.app.base import App
from faust.stores.memory import Store as MemoryStore
from faust.stores.rocksdb import Store as RocksStore
from faust.streams import Stream
from faust.tables.base import Collection
from faust.tables.recovery import Recovery
from faust.transport import consumer as faust_consumer
from faust.transport.conductor import Conductor
from faust.transport.drivers import aiokafka as driver
from faust.types.tuples import ConsumerMessage, Message
from mode.services import Service
from mode.threads import QueueServiceThread, ServiceThread

from app.stream.consumer_thread import ChunkConsumerThread
from app.stream.table import StateTable
from app.stream.transport import ChunkConsumer, ChunkSchema, ChunkTransport, WaitingProducer
from app.worker.app import WorkerApp

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

TESTED = {"faust-streaming": "0.15.3", "mode-streaming": "0.7.1", "aiokafka": "0.14.0"}
PROJECT = Path(__file__).parents[2]
#: Only another version can make it fail, and that fails the tests of versions first.
of_these_versions = pytest.mark.upgrade


def shape(function: Callable[..., Any]) -> str:
    """Return the parameters of a function: names, kinds and which may be left out; no types."""
    parameters = [
        parameter.replace(annotation=inspect.Parameter.empty)
        for parameter in inspect.signature(function).parameters.values()
    ]
    return str(inspect.Signature(parameters))


@pytest.mark.parametrize("package", TESTED)
def test_what_is_installed_is_what_this_was_tested_with(package: str) -> None:
    assert version(package) == TESTED[package], "see docs/faust.md, and run `make test-upgrade`"


@pytest.mark.parametrize("package", TESTED)
def test_what_is_tested_is_what_everyone_gets(package: str) -> None:
    """aiokafka has no upper bound in Faust, and 0.11, 0.12 and 0.13 each broke it: the three go together."""
    wanted = f"{package}=={TESTED[package]}"
    project = tomllib.loads((PROJECT / "pyproject.toml").read_text())["project"]
    assert wanted in project["dependencies"]
    for lock in ("runtime.lock", "dev.lock"):
        locked = (PROJECT / "requirements" / lock).read_text()
        assert re.search(rf"^{re.escape(wanted)} ", locked, re.MULTILINE), lock


@pytest.mark.parametrize(
    ("feature", "why"),
    [
        (r"stream\S*\.take\(|noack_take", "it acknowledges also when its body raised"),
        (r"\.(timer|crontab)\(|on_leader", "around a rebalance it may run twice or never"),
        (r"exactly_once", "a producer fails at SIGTERM, and other workers freeze"),
        (
            r"\.send_soon\(|\.forward\(",
            "what is attached to an offset is sent by a commit that ours replaces",
        ),
    ],
)
def test_what_breaks_promises_is_not_used(feature: str, why: str) -> None:
    sources = [path for part in ("app", "agents", "sinks") for path in (PROJECT / part).rglob("*.py")]
    users = [path.name for path in sources if re.search(feature, path.read_text())]
    assert users == [], why


#: What our classes override, and the parameters that Faust gives it.
OVERRIDES: dict[type, dict[str, str]] = {
    ChunkSchema: {
        "compile": "(self, app, *, on_key_decode_error=<function _noop_decode_error>, "
        "on_value_decode_error=<function _noop_decode_error>, default_propagate=False)",
    },
    ChunkConsumerThread: {
        "_commit": "(self, offsets)",
        "_create_worker_consumer": "(self, transport)",
        "logger": "",
        "on_start": "(self)",
    },
    ChunkConsumer: {
        "_drain_messages": "(self, fetcher)",
        "_new_consumer_thread": "(self)",
        "ack": "(self, message)",
        "force_commit": "(self, topics=None, start_new_transaction=True)",
        "logger": "",
        "on_buffer_drop": "(self, tp)",
        "on_buffer_full": "(self, tp)",
        "on_partitions_assigned": "(self, assigned, generation_id=0)",
        "on_partitions_revoked": "(self, revoked)",
        "perform_seek": "(self)",
        "seek_wait": "(self, partitions)",
        "wait_empty": "(self)",
    },
    WaitingProducer: {"logger": "", "on_start": "(self)"},
    ChunkTransport: {"Consumer": "", "Producer": ""},
    StateTable: {"apply_changelog_batch": "(self, batch)", "logger": ""},
    WorkerApp: {
        "_create_directories": "(self)",
        "_new_web": "(self)",
        "logger": "",
        "on_first_start": "(self)",
        "on_init_dependencies": "(self)",
        "on_stop": "(self)",
    },
}


def overridden(ours: type) -> set[str]:
    """Return the names that a class of ours defines and one of Faust's defines, too."""
    above = {name for base in ours.__mro__[1:] if base is not object for name in vars(base)}
    return {name for name in vars(ours) if name in above and not re.fullmatch(r"__\w+__|_abc_impl", name)}


@pytest.mark.parametrize("ours", OVERRIDES, ids=lambda ours: ours.__name__)
def test_faust_calls_what_we_override_as_we_assume(ours: type) -> None:
    found = {}
    for name in overridden(ours):
        theirs = getattr(ours.__mro__[1], name)
        parameters = shape(theirs) if inspect.isfunction(theirs) else ""
        found[name] = re.sub(r" at 0x\w+", "", parameters)
    assert found == {name: OVERRIDES[ours][name] for name in found}


#: What we call on Faust's and aiokafka's objects, public and private, and how.
CALLED: list[tuple[Any, str, str]] = [
    (driver.Consumer, "assignment", "(self)"),
    (driver.Consumer, "commit", "(self, topics=None, start_new_transaction=True)"),
    (driver.Consumer, "earliest_offsets", "(self, *partitions)"),
    (driver.Consumer, "highwater", "(self, tp)"),
    (driver.Consumer, "maybe_wait_for_commit_to_finish", "(self)"),
    (driver.Consumer, "_commit", "(self, offsets)"),
    (driver.Consumer, "_get_active_partitions", "(self)"),
    (driver.Consumer, "_getmany", "(self, active_partitions, timeout)"),
    (driver.Consumer, "_is_changelog_tp", "(self, tp)"),
    (driver.AIOKafkaConsumerThread, "_ensure_consumer", "(self)"),
    (driver.AIOKafkaConsumerThread, "commit", "(self, offsets)"),
    (Service, "add_future", "(self, coro)"),
    (Service, "crash", "(self, reason)"),
    (Service, "wait", "(self, *coros, timeout=None)"),
    (Service, "wait_first", "(self, *coros, timeout=None)"),
    (Conductor, "acks_enabled_for", "(self, topic)"),
    (
        App,
        "create_event",
        "(self, key, value, headers, message)",
    ),
    (Stream, "noack", "(self)"),
    (Stream, "events", "(self)"),
    (
        ConsumerMessage,
        "__init__",
        (
            "(self, topic, partition, offset, timestamp, timestamp_type, headers, key, value, checksum, "
            "serialized_key_size=None, serialized_value_size=None, tp=None, time_in=None, time_out=None, "
            "time_total=None, generation_id=None)"
        ),
    ),
    (faust.Monitor, "track_tp_end_offset", "(self, tp, offset)"),
    (faust.Monitor, "on_tp_commit", "(self, tp_offsets)"),
    (faust.Monitor, "on_commit_initiated", "(self, consumer)"),
    (faust.Monitor, "on_commit_completed", "(self, consumer, state)"),
    (Recovery, "active_remaining_total", "(self)"),
    (MemoryStore, "apply_changelog_batch", "(self, batch, to_key, to_value)"),
    (RocksStore, "apply_changelog_batch", "(self, batch, to_key, to_value)"),
    (RocksStore, "_db_for_partition", "(self, partition)"),
    (aiokafka.AIOKafkaConsumer, "assignment", "(self)"),
    (aiokafka.AIOKafkaConsumer, "commit", "(self, offsets=None)"),
    (aiokafka.AIOKafkaConsumer, "end_offsets", "(self, partitions)"),
    (subscription_state.Assignment, "state_value", "(self, tp)"),
    (message_accumulator.MessageAccumulator, "fail_all", "(self, exception)"),
]


@of_these_versions
@pytest.mark.parametrize(
    ("owner", "name", "parameters"), CALLED, ids=[f"{owner.__name__}.{name}" for owner, name, _ in CALLED]
)
def test_what_we_call_is_there_and_takes_what_we_give(owner: Any, name: str, parameters: str) -> None:
    assert shape(getattr(owner, name)) == parameters


#: Attributes that we read or set; objects get them when they are made, so that only the text tells.
TOUCHED: list[tuple[type, Iterable[str]]] = [
    (
        faust_consumer.Consumer,
        (
            "_active_partitions",
            "_commit_fut",
            "_committed_offset",
            "_paused_partitions",
            "_read_offset",
            "_unacked_messages",
            "callback",
            "can_resume_flow",
            "consumer_stopped_errors",
            "flow_active",
            "suspend_flow",
        ),
    ),
    (faust_consumer.ThreadDelegateConsumer, ("_thread",)),
    (driver.AIOKafkaConsumerThread, ("tp_last_committed_at",)),
    (ServiceThread, ("thread_loop",)),
    (App, ("_assignment", "consumer_generation_id", "flow_control", "rebalancing", "rebalancing_count")),
    (Recovery, ("in_recovery", "active_highwaters", "active_offsets")),
    (Message, ("acked", "generation_id", "tp", "value")),
    (
        aiokafka.AIOKafkaConsumer,
        ("_coordinator", "_fetch_max_wait_ms", "_isolation_level", "_max_poll_interval_ms", "_subscription"),
    ),
    (group_coordinator.GroupCoordinator, ("_send_req", "coordinator_dead")),
    (subscription_state.SubscriptionState, ("subscription",)),
    (subscription_state.Subscription, ("assignment",)),
    (subscription_state.TopicPartitionState, ("has_valid_position", "position")),
    (sender.Sender, ("sender_task",)),
    (aiokafka.AIOKafkaProducer, ("_message_accumulator", "_sender", "client")),
]


@of_these_versions
@pytest.mark.parametrize(
    ("owner", "name"),
    [(owner, name) for owner, names in TOUCHED for name in names],
    ids=lambda part: part if isinstance(part, str) else part.__name__,
)
def test_what_we_touch_is_there(owner: type, name: str) -> None:
    made = re.search(rf"\bself\.{name}\b", inspect.getsource(owner))
    assert made or hasattr(owner, name) or name in owner.__annotations__


#: What was read when ours was written in its place or around it. Another text may be as good: read it, see
#: whether ours must follow, run test_transport*.py and tests/faults, then note its digest here.
READ: list[tuple[type, str, str]] = [
    # The loop that ours replaces, and what Faust does between a fetch and a stream.
    (faust_consumer.Consumer, "_drain_messages", "30fba6e560f1"),
    (faust_consumer.Consumer, "getmany", "1b41be7cf1f1"),
    (faust_consumer.Consumer, "_wait_next_records", "1f67795402ab"),
    (faust_consumer.Fetcher, "", "c2fd0d6f64f9"),
    (driver.Consumer, "_to_message", "677524ae0cd1"),
    (driver.AIOKafkaConsumerThread, "_fetch_records", "17bb4a98ab83"),
    (Conductor, "_compile_message_handler", "5a58caee20f7"),
    # The bookkeeping of offsets that ours replaces.
    (faust_consumer.Consumer, "ack", "478fc04e29ef"),
    (faust_consumer.Consumer, "commit", "3182283665bd"),
    (faust_consumer.Consumer, "maybe_wait_for_commit_to_finish", "7bc1690b2ff4"),
    (faust_consumer.Consumer, "force_commit", "c78fef197a17"),
    (faust_consumer.Consumer, "_commit_offsets", "8cfc0efcc68d"),
    (faust_consumer.Consumer, "_new_offset", "041e8dc30f2e"),
    (faust_consumer.Consumer, "wait_empty", "be7fdc44dce7"),
    (faust_consumer.Consumer, "on_stop", "4f46cc44f20c"),
    (driver.AIOKafkaConsumerThread, "_commit", "f4f95a22defe"),
    (Stream, "_py_aiter", "bf5a688af0a9"),
    # Where partitions come and go, and in which order Faust pauses, seeks and resumes.
    (faust_consumer.Consumer, "perform_seek", "8c88bc25f247"),
    (faust_consumer.Consumer, "on_partitions_revoked", "2550a9105d4c"),
    (faust_consumer.Consumer, "on_partitions_assigned", "0e5b1be4b419"),
    (driver.ConsumerRebalanceListener, "", "bcfae463240c"),
    (driver.AIOKafkaConsumerThread, "_seek_wait", "00c2e19a2061"),
    (driver.AIOKafkaConsumerThread, "_create_worker_consumer", "5fd89148e582"),
    (App, "_on_partitions_revoked", "0179134ab901"),
    (App, "_on_partitions_assigned", "6a8bb930f6ed"),
    (App, "_stop_consumer", "61a44207b1da"),
    (Recovery, "_restart_recovery", "3aa9414b3185"),
    (Recovery, "_resume_streams", "e841a9bf6c72"),
    (Recovery, "on_recovery_completed", "861bcb7bfde2"),
    (Recovery, "_slurp_changelogs", "6f37174015c8"),
    (Collection, "apply_changelog_batch", "a23e2afa40ad"),
    (QueueServiceThread, "", "abcd88f27e36"),
    # What a poll returns across a rebalance, and what counts as a consumer that hangs.
    (aiokafka_fetcher.Fetcher, "fetched_records", "c9d369de9e88"),
    (aiokafka_fetcher.FetchResult, "", "63573b686fb4"),
    (aiokafka_fetcher.Fetcher, "_update_fetch_positions", "8cefc2350f50"),
    (aiokafka.AIOKafkaConsumer, "seek_to_committed", "5bf7c60fd74d"),
    (group_coordinator.GroupCoordinator, "_on_join_prepare", "52c9c084bcf7"),
    (group_coordinator.GroupCoordinator, "_heartbeat_routine", "dae65a48ddd1"),
    (group_coordinator.GroupCoordinator, "_do_heartbeat", "06f41f69acc4"),
    (group_coordinator.CoordinatorGroupRebalance, "_send_sync_group_request", "0f5c7b75169d"),
    (driver.AIOKafkaConsumerThread, "on_start", "35dffc498997"),
    (driver.Producer, "on_start", "770e39e44248"),
    (group_coordinator.GroupCoordinator, "_do_fetch_commit_offsets", "54aca976d4ea"),
    (aiokafka.AIOKafkaProducer, "stop", "597b79e1d380"),
]


def digest(owner: type, name: str) -> str:
    """Return a short digest of a source text, whatever its spaces; of the whole class if no name is given."""
    theirs = inspect.getattr_static(owner, name) if name else owner
    text = inspect.getsource(getattr(theirs, "fun", theirs))  # mode wraps the tasks of a service
    return hashlib.sha256(" ".join(text.split()).encode()).hexdigest()[:12]


@of_these_versions
@pytest.mark.parametrize(
    ("owner", "name", "noted"), READ, ids=[f"{owner.__name__}.{name}".rstrip(".") for owner, name, _ in READ]
)
def test_what_we_read_in_their_source_still_says_the_same(owner: type, name: str, noted: str) -> None:
    assert digest(owner, name) == noted
