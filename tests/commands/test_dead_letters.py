"""`chatlog dead-letters`, as people run it, on a real database and a real broker."""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import secrets
import signal
import subprocess
import time
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from click.testing import CliRunner
from pydantic import SecretStr

from app.commands import cli
from app.kafka.clients import client_settings
from app.postgres.connections import connect
from app.settings import Role, Settings
from models.dead_letters import DeadLetter
from tests.dead_letters.keeping import keep, records_of
from tests.looking import ready
from tests.services import as_environment, changed, eventually
from tests.workers import CHATLOG, Workers, produce

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from aiokafka import ConsumerRecord

SECRET = b'{"userid": "u", "content": "my \\u001b[31msecret"}'
HEADERS = (("trace", b"\x00\xff"), ("trace", b"again"), ("empty", b""), ("null", None))


@dataclass(frozen=True, slots=True)
class Ended:
    returncode: int | None
    stdout: str
    stderr: str


@pytest.fixture
def tables(settings: Callable[..., Settings]) -> Settings:
    """Settings of a system whose schema exists; most of these tests need no topics."""
    return settings()


async def test_dead_letters_are_listed_newest_first_with_how_many_there_are_by_reason(
    tables: Settings,
) -> None:
    await keep(
        tables, [letter(offset, reason="not_json") for offset in range(3)] + [letter(7, reason="bad_uuid")]
    )

    listed = await run(tables, "list")

    assert listed.returncode == 0
    lines = listed.stdout.splitlines()
    assert [line.split()[0] for line in lines[1:5]] == ["4", "3", "2", "1"]
    assert "events[1]@7" in lines[1]
    assert lines[-1] == "4 dead letters: not_json 3, bad_uuid 1"


@pytest.mark.parametrize(
    ("filters", "ids"),
    [
        ("", [5, 4, 3, 2, 1]),
        ("--id 2 --id 4 --id 99", [4, 2]),
        ("--reason bad_uuid", [5]),
        ("--reason bad_uuid --reason too_deep", [5, 4]),
        ("--reason unheard_of", []),
        ("--topic other", [3]),
        ("--topic other --reason not_json", [3]),
        ("--topic other --reason bad_uuid", []),
        ("--since 1h", [5, 4, 3, 2]),
        ("--until 1h", [1]),
        ("--since 2020-01-01 --until 2020-01-03", [1]),
        ("--since 2020-01-02T01:00+02:00 --until 2020-01-02", [1]),
        ("--replayed", [2]),
        ("--pending", [5, 4, 3, 1]),
        ("--limit 2", [5, 4]),
    ],
)
async def test_filters_choose_which_are_listed(tables: Settings, filters: str, ids: list[int]) -> None:
    await keep(
        tables,
        [
            letter(1),
            letter(2),
            letter(3, topic="other"),
            letter(4, reason="too_deep"),
            letter(5, reason="bad_uuid"),
        ],
    )
    await execute(tables, "UPDATE dead_letters SET created = '2020-01-01T23:30Z' WHERE id = 1")
    await execute(tables, "UPDATE dead_letters SET replayed_at = now() WHERE id = 2")

    listed = await run(tables, "list", "--json", *filters.split())

    assert [found["id"] for found in json.loads(listed.stdout)["dead_letters"]] == ids


async def test_what_a_dead_letter_holds_is_shown_only_when_asked_for(tables: Settings) -> None:
    await keep(tables, [letter(1, key=b"4911", value=SECRET, headers=HEADERS)])

    for arguments in (("list",), ("list", "--json"), ("show", "1"), ("show", "1", "--json")):
        told = (await run(tables, *arguments)).stdout
        assert "secret" not in told
        assert "4911" not in told
    shown = (await run(tables, "show", "1")).stdout
    assert f"{len(SECRET)} bytes, SHA-256 {hashlib.sha256(SECRET).hexdigest()}" in shown
    assert "header null       null" in shown

    shown = (await run(tables, "show", "1", "--content")).stdout
    assert '"content": "my \\u001b[31msecret"' in shown
    assert "\x1b" not in shown
    assert "    4911" in shown
    assert "    00 ff" in shown
    as_json = json.loads((await run(tables, "show", "1", "--content", "--json")).stdout)
    assert as_json["value"]["text"].encode() == SECRET
    assert [header["value"] and header["value"]["hex"] for header in as_json["headers"]] == [
        value if value is None else value.hex() for _, value in HEADERS
    ]


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (b"plain \x1b]0;title\x07 text\r\nmore", ["plain \\x1b]0;title\\x07 text\\r", "more"]),
        (b"4e400", ["4e400"]),
        (b'[1, {"a": "\\u202e"}]', ["[", "1,", "{", '"a": "\\u202e"', "}", "]"]),
        (b"\xff\x00", ["ff 00"]),
        (b"[" * 100_000, ["[" * 100_000]),
    ],
    ids=["escape sequences", "a number", "JSON", "binary", "nested too deep"],
)
async def test_a_terminal_is_never_given_the_bytes_as_they_are(
    tables: Settings, value: bytes, shown: list[str]
) -> None:
    await keep(tables, [letter(1, key=None, value=value)])

    told = (await run(tables, "show", "1", "--content")).stdout

    assert [line.strip() for line in told.splitlines()[11:]] == shown


async def test_a_detail_that_somebody_forged_does_no_harm_either(tables: Settings) -> None:
    await keep(tables, [letter(1, detail="\x1b[2Jgone [red]not markup[/red]")])

    listed = (await run(tables, "list")).stdout

    assert "\\x1b[2Jgone [red]not markup[/red]" in listed


async def test_one_that_is_not_there_is_said_to_be_missing(tables: Settings) -> None:
    shown = await run(tables, "show", "12")

    assert shown.returncode == 1
    assert "there is no dead letter 12" in shown.stderr


async def test_a_replay_puts_records_back_as_they_were(tables: Settings, kafka_prefix: str) -> None:
    async with topic(tables, f"{kafka_prefix}-source", partitions=3) as source:
        moment, began_ms = 1_760_000_000_123, round(time.time() * 1000)
        kept = [
            letter(
                5, topic=source, partition=2, key=b"k", value=SECRET, headers=HEADERS, timestamp_ms=moment
            ),
            letter(6, topic=source, partition=2, key=None, value=None, headers=(), timestamp_ms=moment + 1),
            letter(9, topic=source, partition=0, key=b"\x00", value=b"\xff", headers=(), timestamp_ms=moment),
        ]
        await keep(tables, kept)

        replayed = await run(tables, "replay", "--topic", source, "--yes")

        assert (replayed.returncode, replayed.stdout.splitlines()[-1]) == (0, "Replayed 3.")
        found = await records_of(tables, source, 3)
        assert [as_put(record) for record in found[2]] == [as_kept(some) for some in kept[:2]]
        assert [as_put(record) for record in found[0]] == [as_kept(kept[2])]
        # By the time they had, the topic's retention could take them before anyone reads them.
        assert all(record.timestamp >= began_ms for record in [*found[0], *found[2]])
        assert (
            await fetch(
                tables, "SELECT count(*) FROM dead_letters WHERE replayed_at > now() - '1 hour'::interval"
            )
            == 3
        )

        again = await run(tables, "replay", "--topic", source, "--yes")
        assert (again.returncode, again.stdout) == (0, "No such dead letters.\n")
        once_more = await run(tables, "replay", "--id", "1", "--replayed", "--yes")
        assert once_more.stdout.splitlines()[-1] == "Replayed 1."
        assert len((await records_of(tables, source, 3))[2]) == 3


@pytest.mark.parametrize(
    ("arguments", "answer", "status"),
    [(("--all", "--dry-run"), "", 0), (("--all",), "n\n", 1), (("--all",), "", 1)],
    ids=["dry run", "no", "nobody there to ask"],
)
async def test_nothing_is_put_back_or_dropped_without_a_yes(
    tables: Settings, kafka_prefix: str, arguments: tuple[str, ...], answer: str, status: int
) -> None:
    async with topic(tables, f"{kafka_prefix}-source", partitions=1) as source:
        await keep(tables, [letter(1, topic=source, partition=0)])

        for command in ("replay", "drop"):
            ended = await run(tables, command, *arguments, answer=answer)
            assert ended.returncode == status
            assert "1 dead letter: not_json 1" in ended.stdout

        assert (await records_of(tables, source, 1))[0] == []
        assert await fetch(tables, "SELECT count(*) FROM dead_letters WHERE replayed_at IS NULL") == 1


@pytest.mark.parametrize("command", ["replay", "drop"])
@pytest.mark.parametrize(
    "arguments", [(), ("--limit", "5"), ("--all", "--reason", "x"), ("--all", "--replayed")]
)
async def test_which_are_meant_must_be_said(
    tables: Settings, command: str, arguments: tuple[str, ...]
) -> None:
    ended = await run(tables, command, "--yes", *arguments)

    assert ended.returncode == 2
    assert "say which: by a filter, or --all" in ended.stderr


async def test_those_that_were_replayed_can_be_dropped_by_that_alone(tables: Settings) -> None:
    await keep(tables, [letter(1), letter(2)])
    await execute(tables, "UPDATE dead_letters SET replayed_at = now() WHERE id = 2")

    dropped = await run(tables, "drop", "--replayed", "--yes")

    assert (dropped.returncode, dropped.stdout) == (0, "1 dead letter: not_json 1\nDropped 1.\n")
    assert await fetch(tables, "SELECT array_agg(id) FROM dead_letters") == [1]


async def test_a_filter_that_fits_none_is_not_taken_for_an_empty_table(tables: Settings) -> None:
    assert (await run(tables, "list")).stdout == "No dead letters.\n"
    assert (await run(tables, "list", "--reason", "not-json")).stdout == "No such dead letters.\n"


@pytest.mark.parametrize(
    ("arguments", "status", "told"),
    [
        (("show", str(2**63)), 2, "is no number of a dead letter"),
        (("list", "--id", str(2**63)), 2, "is no number of a dead letter"),
        (("list", "--since", "9999-12-31T23:59-14:00"), 2, "is no time"),
        (("list", "--reason", "\udc80"), 1, "PostgreSQL cannot look for that"),
    ],
    ids=["number", "number in a list", "time", "half a character"],
)
async def test_what_no_row_can_have_is_told_in_one_line(
    tables: Settings, arguments: tuple[str, ...], status: int, told: str
) -> None:
    ended = await run(tables, *arguments)

    assert ended.returncode == status
    assert told in ended.stderr
    assert "Traceback" not in ended.stderr


async def test_those_that_cannot_be_put_back_hold_up_no_other(tables: Settings, kafka_prefix: str) -> None:
    source = f"{kafka_prefix}-source"
    async with topic(tables, source, partitions=1, **{"max.message.bytes": "20000"}):
        await keep(
            tables,
            [
                letter(1, topic=source, partition=0),
                letter(2, topic=source, partition=5),
                letter(3, topic=source, partition=0, value=secrets.token_bytes(30_000)),
                letter(4, topic=source, partition=0),
            ],
        )

        replayed = await run(tables, "replay", "--all", "--yes")

        assert replayed.returncode == 1
        assert replayed.stdout.splitlines()[-1] == "Replayed 2."
        assert f"2 cannot be put back: {source} has no partition 5" in replayed.stderr
        assert f"3 cannot be put back: larger than {source} accepts" in replayed.stderr
        assert len((await records_of(tables, source, 1))[0]) == 2
        assert await fetch(tables, "SELECT array_agg(id) FROM dead_letters WHERE replayed_at IS NULL") == [
            2,
            3,
        ]


async def test_a_topic_that_is_gone_is_named(tables: Settings, kafka_prefix: str) -> None:
    await keep(tables, [letter(1, topic=f"{kafka_prefix}-gone")])

    replayed = await run(tables, "replay", "--all", "--yes")

    assert replayed.returncode == 1
    assert f"{kafka_prefix}-gone" in replayed.stderr


async def test_a_replay_that_is_killed_loses_nothing_and_can_be_run_again(
    tables: Settings, kafka_prefix: str
) -> None:
    count = 3_000
    async with topic(tables, f"{kafka_prefix}-source", partitions=2) as source:
        values = [secrets.token_bytes(2_000) for _ in range(count)]
        await keep(
            tables,
            [letter(n, topic=source, partition=n % 2, value=values[n]) for n in range(count)],
        )
        pending = "SELECT count(*) FROM dead_letters WHERE replayed_at IS NULL"
        # However fast it is, it comes no further than to the one in the middle.
        async with held(tables, count // 2):
            process = await asyncio.create_subprocess_exec(
                CHATLOG,
                "dead-letters",
                "replay",
                "--all",
                "--yes",
                env={**os.environ, **as_environment(tables)},
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
            await eventually(lambda: is_below(tables, pending, count))
            process.send_signal(signal.SIGKILL)
            await process.wait()
        left = await fetch(tables, pending)
        assert 0 < left < count

        again = await run(tables, "replay", "--all", "--yes")

        assert again.stdout.splitlines()[-1] == f"Replayed {left:,}."
        assert await fetch(tables, pending) == 0
        found = await records_of(tables, source, 2)
        assert {record.value for records in found.values() for record in records} == set(values)


async def test_what_is_refused_again_is_a_new_dead_letter_that_this_replay_leaves_alone(
    system: Settings, workers: Workers
) -> None:
    chat_log = system.topology.vlab_chat_log_topic or ""
    await produce(system, chat_log, [(b"u", b"not JSON")])
    worker = workers.start(Role.PERSIST)
    await ready(worker)
    total = "SELECT count(*) FROM dead_letters"
    await eventually(lambda: is_at(system, total, 1))

    replayed = await run(system, "replay", "--all", "--yes")

    assert replayed.stdout.splitlines()[-1] == "Replayed 1."
    await eventually(lambda: is_at(system, total, 2))
    assert await fetch(system, "SELECT array_agg(replayed_at IS NULL ORDER BY id) FROM dead_letters") == [
        False,
        True,
    ]


async def test_what_is_dropped_is_gone_and_nothing_else(tables: Settings) -> None:
    await keep(tables, [letter(n, reason="not_json") for n in range(6)] + [letter(9, reason="bad_uuid")])

    dropped = await run(tables, "drop", "--reason", "not_json", "--limit", "4", answer="y\n")

    assert dropped.returncode == 0
    assert "6 dead letters: not_json 6 (4 of them, the oldest)" in dropped.stdout
    assert dropped.stdout.splitlines()[-1].endswith("Dropped 4.")
    assert await fetch(tables, "SELECT array_agg(id ORDER BY id) FROM dead_letters") == [5, 6, 7]


async def test_the_rights_of_the_writer_suffice(tables: Settings, kafka_prefix: str) -> None:
    async with (
        topic(tables, f"{kafka_prefix}-source", partitions=1) as source,
        writer_of(tables) as as_writer,
    ):
        await keep(tables, [letter(1, topic=source, partition=0)])

        assert (await run(as_writer, "list")).returncode == 0
        assert (await run(as_writer, "show", "1")).returncode == 0
        assert (await run(as_writer, "replay", "--all", "--yes")).stdout.splitlines()[-1] == "Replayed 1."
        assert (await run(as_writer, "drop", "--all", "--yes")).stdout.splitlines()[-1] == "Dropped 1."


@pytest.mark.parametrize("arguments", [("list",), ("show", "1"), ("drop", "--all"), ("replay", "--all")])
async def test_a_database_that_is_down_is_said_in_one_line(
    tables: Settings, arguments: tuple[str, ...]
) -> None:
    down = changed(tables, database_url=SecretStr("postgresql://someone:pass@127.0.0.1:1/nowhere"))

    ended = await run_process(down, *arguments)

    assert ended.returncode == 1
    assert ended.stderr.count("\n") == 1
    assert "PostgreSQL at 127.0.0.1:1/nowhere does not answer" in ended.stderr
    assert "pass" not in ended.stderr.replace("password", "")


async def test_a_database_without_the_table_says_what_to_do(tables: Settings) -> None:
    await execute(tables, "DROP TABLE dead_letters")

    listed = await run(tables, "list")

    assert (listed.returncode, "run `chatlog migrate up`" in listed.stderr) == (1, True)


async def test_a_broker_that_is_down_leaves_everything_as_it_was(tables: Settings) -> None:
    await keep(tables, [letter(1)])
    down = changed(tables, kafka_bootstrap_servers=("127.0.0.1:1",))

    began = time.monotonic()
    replayed = await run(down, "replay", "--all", "--yes")

    assert replayed.returncode == 1
    assert "Kafka at 127.0.0.1:1 does not answer" in replayed.stderr
    # Workers wait for ever; a person is told, though not at once on a busy machine.
    assert time.monotonic() - began < 60
    assert await fetch(tables, "SELECT count(*) FROM dead_letters WHERE replayed_at IS NULL") == 1


def letter(offset: int, **fields: Any) -> DeadLetter:
    values: dict[str, Any] = {
        "reason": "not_json",
        "detail": "why",
        "topic": "events",
        "partition": 1,
        "offset": offset,
        "key": b"k",
        "value": b"v",
        "headers": (),
        "timestamp_ms": 1_760_000_000_000,
    }
    return DeadLetter(**(values | fields))


def as_kept(some: DeadLetter) -> tuple[Any, ...]:
    return (some.key, some.value, some.headers)


def as_put(record: ConsumerRecord) -> tuple[Any, ...]:
    return (record.key, record.value, tuple(record.headers))


async def run(settings: Settings, *arguments: str, answer: str = "") -> Ended:
    """Run the command in this process, which takes a tenth of the time of one of its own."""
    result = await asyncio.to_thread(
        CliRunner().invoke, cli, ["dead-letters", *arguments], env=as_environment(settings), input=answer
    )
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return Ended(result.exit_code, result.stdout, result.stderr)


async def run_process(settings: Settings, *arguments: str) -> Ended:
    process = await asyncio.create_subprocess_exec(
        CHATLOG,
        "dead-letters",
        *arguments,
        env={**os.environ, **as_environment(settings)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    stdout, stderr = await process.communicate()
    return Ended(process.returncode, stdout.decode(), stderr.decode())


async def fetch(settings: Settings, question: str) -> Any:
    connection = await connect(settings.database)
    try:
        return await connection.fetchval(question)
    finally:
        await connection.close()


async def execute(settings: Settings, statement: str) -> None:
    await fetch(settings, statement)


async def is_below(settings: Settings, question: str, limit: int) -> bool:
    return int(await fetch(settings, question)) < limit


async def is_at(settings: Settings, question: str, number: int) -> bool:
    return int(await fetch(settings, question)) == number


@asynccontextmanager
async def topic(settings: Settings, name: str, *, partitions: int, **config: str) -> AsyncIterator[str]:
    admin = AIOKafkaAdminClient(**client_settings(settings.kafka))
    await admin.start()
    try:
        await admin.create_topics([NewTopic(name, partitions, 1, topic_configs=config)])

        async def is_visible() -> bool:
            return name in await admin.list_topics()

        await eventually(is_visible)  # brokers learn of it a moment later
    finally:
        await admin.close()
    yield name


@asynccontextmanager
async def held(settings: Settings, id_: int) -> AsyncIterator[None]:
    """Hold a dead letter, so that who notes its replay waits; in the end, nobody else has a session left."""
    connection = await connect(settings.database, statement_timeout_s=0)
    try:
        async with connection.transaction():
            await connection.execute("SELECT FROM dead_letters WHERE id = $1 FOR UPDATE", id_)
            yield
            # PostgreSQL would go on with what a killed program waited for.
            await connection.execute(
                "SELECT pg_terminate_backend(pid, 60000) FROM pg_stat_activity "
                "WHERE datname = current_database() AND backend_type = 'client backend' "
                "AND pid <> pg_backend_pid()"
            )
    finally:
        await connection.close()


@asynccontextmanager
async def writer_of(settings: Settings) -> AsyncIterator[Settings]:
    """Give settings with a user of the database who is a chatlog_writer and nothing else."""
    user = f"writer_{secrets.token_hex(4)}"
    url = urlsplit(settings.database.require_url())
    await execute(settings, f"CREATE ROLE {user} LOGIN PASSWORD '{user}' IN ROLE chatlog_writer")
    try:
        as_user = url._replace(netloc=f"{user}:{user}@{url.netloc.rpartition('@')[2]}").geturl()
        yield changed(settings, database_url=SecretStr(as_user))
    finally:
        await execute(settings, f"DROP ROLE {user}")
