"""The connector of VRChat's log: what tells of presence is handed in, however often it is killed."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from app.connect.vrchat_log import PIECE_BYTES, LogPlace, Places, events_in, machine_zone, read_piece
from app.kafka.topic_admin import ensure_topics
from models.platforms.vrchat import extract
from tests.connect.processes import connector_of, gaps_of, records_of
from tests.services import eventually
from tests.sinks.postgres.message_records import fetch

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from app.settings import Settings

FILE = "output_log_2026-03-02_19-00-11.txt"
LATER = "output_log_2026-03-02_21-30-00.txt"
ROOM, OTHER_ROOM = "wrld_4432ea9b:12345~region(eu)", "wrld_7777ea9b:2~region(us)"
NOISE = "2026.03.02 19:04:00 Warning    -  [Video Playback] URL 'https://example.org' resolved"


def line(second: int, text: str) -> str:
    return f"2026.03.02 19:04:{second:02} Debug      -  [Behaviour] {text}"


JOINING = line(2, f"Joining {ROOM}")
KIRI = line(11, "OnPlayerJoined Kiri Vale (usr_8d1b4f0e-6a2c-4f5b-9a77-0c1d2e3f4a02)")
MILO = line(12, "OnPlayerJoined Milo (EU) (usr_8d1b4f0e-6a2c-4f5b-9a77-0c1d2e3f4a01)")
LEFT = line(40, "OnLeftRoom")


def text_of(*lines: str, end: str = "\r\n") -> bytes:
    return "".join(line + end for line in lines).encode()


def of_berlin(_: str) -> str:
    return "Europe/Berlin"


def test_lines_of_presence_are_wrapped_with_where_they_stand_and_the_room() -> None:
    piece = text_of(NOISE, KIRI, JOINING, NOISE, MILO, LEFT)

    events, place = events_in(FILE, piece, LogPlace(100, None), of_berlin)

    told = [json.loads(event.value) for event in events]
    assert [(one["line"], one["location"]) for one in told] == [
        (KIRI, None),
        (JOINING, None),
        (MILO, ROOM),
        (LEFT, ROOM),
    ]
    assert {one["zone"] for one in told} == {"Europe/Berlin"}
    starts = [piece.index(one["line"].encode()) + 100 for one in told]
    assert [one["offset"] for one in told] == starts
    assert [event.key for event in events] == [FILE, FILE, ROOM, ROOM]
    assert place == LogPlace(100 + len(piece), ROOM)
    found = [item for event in events for item in extract(event.value).found]
    assert len(found) == 3, "of a join to a room nothing is found but by those after it"


@pytest.mark.parametrize("cut", range(0, len(text_of(JOINING, MILO)), 7))
def test_a_line_that_is_half_written_waits_for_its_end(cut: int) -> None:
    piece = text_of(JOINING, MILO)

    first, place = events_in(FILE, piece[:cut], LogPlace(), of_berlin)
    rest, end = events_in(FILE, piece[place.offset :], place, of_berlin)

    assert (first + rest, end) == events_in(FILE, piece, LogPlace(), of_berlin)


def test_a_line_longer_than_a_piece_is_read_whole(tmp_path: Path) -> None:
    log = tmp_path / FILE
    log.write_bytes(b"x" * (PIECE_BYTES + 10) + b"\n" + text_of(MILO))

    piece = read_piece(log, 0)

    assert len(piece) == PIECE_BYTES + 11
    assert read_piece(log, len(piece)) == text_of(MILO)


def test_the_zone_of_this_machine_is_its_difference_from_utc_at_that_time() -> None:
    assert len(machine_zone("2026-07-02T19:04:11")) == 6


def test_places_are_remembered_whole(tmp_path: Path) -> None:
    places = Places(tmp_path / "below" / "vrchat.json")
    assert places.load() is None

    places.save({FILE: LogPlace(7, ROOM), LATER: LogPlace()})

    assert places.load() == {FILE: LogPlace(7, ROOM), LATER: LogPlace()}
    assert [path.name for path in places.path.parent.iterdir()] == ["vrchat.json"]


async def lines_in_kafka(settings: Settings) -> list[tuple[str, int, str]]:
    found = await records_of(settings, f"vlab-{settings.topology.vlab_env}-vrchat-events")
    told = [json.loads(value) for _, value in found]
    return sorted((one["file"], one["offset"], one["line"]) for one in told)


@pytest.fixture
async def vrchat(settings: Callable[..., Settings]) -> Settings:
    made = settings(platforms="vrchat")
    await ensure_topics(made.kafka, made.topology)
    return made


async def test_a_connector_that_is_killed_goes_on_where_it_was_and_its_gap_is_filled(
    vrchat: Settings, tmp_path: Path
) -> None:
    logs = tmp_path / "logs"
    logs.mkdir()
    (logs / FILE).write_bytes(text_of(JOINING, KIRI, NOISE) + MILO.encode()[:30])
    arguments = ("vrchat", "--log-dir", str(logs), "--zone", "Europe/Berlin")

    async def has(*lines: str) -> None:
        async def does_it() -> bool:
            assert [text for _, _, text in dict.fromkeys(await lines_in_kafka(vrchat))] == [*lines]
            return True

        await eventually(does_it)

    with connector_of(vrchat, tmp_path / "first.log", *arguments) as connector:
        await has(JOINING, KIRI)
        with (logs / FILE).open("ab") as log:
            log.write(MILO.encode()[30:] + b"\r\n")
        await has(JOINING, KIRI, MILO)
        await connector.hears("log")
        connector.kill()
    with (logs / FILE).open("ab") as log:
        log.write(text_of(LEFT))
    (logs / LATER).write_bytes(text_of(line(50, f"Joining {OTHER_ROOM}")))
    with connector_of(vrchat, tmp_path / "second.log", *arguments) as again:
        await has(JOINING, KIRI, MILO, LEFT, line(50, f"Joining {OTHER_ROOM}"))

        async def is_filled() -> bool:
            found = await gaps_of(vrchat)
            assert len(found) == 2
            assert found[0]["filled"] is not None
            return True

        await eventually(is_filled)
        assert again.stop() == 0
    told = await records_of(vrchat, f"vlab-{vrchat.topology.vlab_env}-vrchat-events")
    of_left = [json.loads(value) for _, value in told if LEFT in value.decode()]
    assert {one["location"] for one in of_left} == {ROOM}, "which room it was is remembered"
    assert len(told) == 5, "what Kafka had was not handed in again"


async def test_a_gap_is_not_filled_when_the_client_has_removed_its_file(
    vrchat: Settings, tmp_path: Path
) -> None:
    logs = tmp_path / "logs"
    logs.mkdir()
    (logs / FILE).write_bytes(text_of(JOINING))
    arguments = ("vrchat", "--log-dir", str(logs))
    with connector_of(vrchat, tmp_path / "first.log", *arguments) as connector:
        await connector.hears("log")
        assert connector.stop() == 0
    (logs / FILE).unlink()
    (logs / LATER).write_bytes(text_of(KIRI))
    with connector_of(vrchat, tmp_path / "second.log", *arguments) as again:
        await again.hears("log")

        async def is_written() -> bool:
            return len(await gaps_of(vrchat)) == 2

        await eventually(is_written)
    assert (await gaps_of(vrchat))[0]["filled"] is None


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--log-dir", "nowhere"], "there is no such directory"),
        (["--log-dir", ".", "--zone", "Mars/Olympus"], "accepted: a name such as Europe/Berlin"),
    ],
)
def test_what_cannot_be_followed_is_said(
    vrchat: Settings, tmp_path: Path, arguments: list[str], said: str
) -> None:
    with connector_of(vrchat, tmp_path / "bad.log", "vrchat", *arguments) as connector:
        assert connector.exit_status() == 2
        assert said in connector.said


async def test_one_that_listens_everywhere_is_found_by_its_own_address(
    settings: Callable[..., Settings], tmp_path: Path
) -> None:
    made = settings(
        platforms="vrchat", web_host="0.0.0.0", web_token="a token of tests, thirty-two characters"
    )
    await ensure_topics(made.kafka, made.topology)
    with connector_of(made, tmp_path / "log", "vrchat", "--log-dir", str(tmp_path)) as connector:

        async def tells_where() -> bool:
            found = await fetch(made, "SELECT role, address FROM processes")
            return found == [{"role": "vrchat", "address": f"http://127.0.0.1:{connector.web_port}"}]

        await eventually(tells_where)
