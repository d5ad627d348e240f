"""What can be asked for, jobs as they are written down, and keys that two files never share."""

from __future__ import annotations

import uuid
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from models.access import Caller, CallerRole
from models.entries import Direction
from models.errors import BadRecord, Reason
from models.export_names import file_name, flat_key, object_key, owner_hash
from models.exports import (
    AskedAs,
    Compression,
    ExportJob,
    ExportOptions,
    Format,
    Rows,
    Source,
    State,
    Status,
    WantedMessages,
)
from tests.models.strategies import any_json, any_text, as_bytes, clean_text

ID = uuid.UUID("0c9d4d0e-6f0a-4c6e-a9f3-0123456789ab")
OWNER = "a@example.org"
MOMENT = datetime(2026, 3, 1, tzinfo=UTC)
PLAIN = ExportOptions()

sources = st.sampled_from(Source)
moments = st.none() | st.datetimes(timezones=st.just(UTC))
names = st.text(min_size=1, max_size=300) | any_text.filter(bool)


@st.composite
def options(draw: st.DrawFn) -> ExportOptions:
    """Any options that agree with each other."""
    format_ = draw(st.sampled_from(Format))
    is_csv = format_ is Format.CSV
    since, until = draw(moments), draw(moments)
    if since and until and since >= until:
        since = None
    return ExportOptions(
        include_metadata=draw(st.booleans()),
        include_raw_payload=draw(st.booleans()),
        include_unsent=draw(st.booleans()),
        since=since,
        until=until,
        direction=draw(st.sampled_from([None, *Direction])),
        wide=draw(st.booleans()),
        format=format_,
        tz=draw(st.sampled_from(["UTC", "Africa/Lagos", "America/Bogota"])),
        compression=Compression.NONE
        if format_ in {Format.PARQUET, Format.XLSX}
        else draw(st.sampled_from(Compression)),
        safe_cells=is_csv and draw(st.booleans()),
        for_spreadsheets=is_csv and draw(st.booleans()),
    )


@given(clean_text.filter(bool), clean_text.filter(bool), sources, options())
def test_a_job_comes_back_as_it_was_sent(
    user: str, survey: str, source: Source, chosen: ExportOptions
) -> None:
    asked_as = None if source.is_of_a_survey else AskedAs(roles=("owner",), shared=((OWNER, survey),))
    job = ExportJob(
        export_id=ID,
        user=user,
        survey=survey if source.is_of_a_survey else "",
        source=source,
        options=chosen,
        asked_as=asked_as,
    )

    assert ExportJob.of(orjson.dumps(job.encode())) == job


def test_a_job_is_written_as_other_consumers_read_it() -> None:
    chosen = ExportOptions(include_metadata=True, format=Format.JSONL)

    job = ExportJob(export_id=ID, user=OWNER, survey="Health", source=Source.CHAT_LOG, options=chosen)

    assert job.encode() == {
        "export_id": str(ID),
        "user": OWNER,
        "survey": "Health",
        "source": "chat_log",
        "chat_log_options": {"include_metadata": True, "include_raw_payload": False},
        "options": {"include_metadata": True, "format": "jsonl"},
    }


@pytest.mark.parametrize(
    ("theirs", "source", "chosen"),
    [
        ({}, Source.RESPONSES, PLAIN),
        ({"source": "responses", "chat_log_options": None}, Source.RESPONSES, PLAIN),
        (
            {"source": "responses", "chat_log_options": {"include_metadata": True}},
            Source.RESPONSES,
            PLAIN,
        ),
        ({"source": "chat_log"}, Source.CHAT_LOG, PLAIN),
        ({"source": "chat_log", "chat_log_options": {}}, Source.CHAT_LOG, PLAIN),
        ({"source": "chat_log", "chat_log_options": {"include_raw_payload": None}}, Source.CHAT_LOG, PLAIN),
        (
            {"source": "chat_log", "chat_log_options": {"include_metadata": True, "new": 1}},
            Source.CHAT_LOG,
            ExportOptions(include_metadata=True),
        ),
        (
            {"source": "chat_log", "chat_log_options": {"include_raw_payload": True}, "also": "new"},
            Source.CHAT_LOG,
            ExportOptions(include_raw_payload=True),
        ),
    ],
)
def test_jobs_of_other_producers_are_read(
    theirs: dict[str, Any], source: Source, chosen: ExportOptions
) -> None:
    job = ExportJob.of(as_bytes({"export_id": str(ID), "user": OWNER, "survey": "Health", **theirs}))

    assert (job.export_id, job.user, job.survey, job.source, job.options) == (
        ID,
        OWNER,
        "Health",
        source,
        chosen,
    )


@pytest.mark.parametrize(
    ("changed", "reason", "field"),
    [
        ({"export_id": None}, Reason.BAD_UUID, "export_id"),
        ({"export_id": "secret"}, Reason.BAD_UUID, "export_id"),
        ({"user": ""}, Reason.WRONG_TYPE, "user"),
        ({"user": 1}, Reason.WRONG_TYPE, "user"),
        ({"survey": None}, Reason.WRONG_TYPE, "survey"),
        ({"source": "secret"}, Reason.UNKNOWN_VALUE, "source"),
        ({"options": {"format": "secret"}}, Reason.UNKNOWN_VALUE, "options.format"),
        ({"options": {"secret": 1}}, Reason.UNKNOWN_VALUE, "options"),
        ({"options": {"since": "2026-01-01T00:00:00"}}, Reason.WRONG_TYPE, "options.since"),
        ({"options": {"format": "parquet", "compression": "gzip"}}, Reason.UNKNOWN_VALUE, "options"),
    ],
)
def test_a_job_that_is_none_is_refused_by_its_field_and_not_quoted(
    changed: dict[str, Any], reason: Reason, field: str
) -> None:
    values = {"export_id": str(ID), "user": OWNER, "survey": "Health", "source": "chat_log", **changed}

    with pytest.raises(BadRecord) as caught:
        ExportJob.of(as_bytes(values))

    assert caught.value.reason is reason
    assert caught.value.detail.startswith(field)
    assert "=secret" not in caught.value.detail


@pytest.mark.parametrize("missing", ["export_id", "user", "survey"])
def test_a_field_that_is_missing_is_named(missing: str) -> None:
    values = {"export_id": str(ID), "user": OWNER, "survey": "Health"}
    del values[missing]

    with pytest.raises(BadRecord) as caught:
        ExportJob.of(as_bytes(values))

    assert (caught.value.reason, caught.value.detail) == (Reason.MISSING_FIELD, f"{missing}: missing")


@given(st.none() | st.binary() | any_json.map(as_bytes))
def test_any_bytes_are_a_job_or_a_bad_record(raw: bytes | None) -> None:
    with suppress(BadRecord):
        assert ExportJob.of(raw).user


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"since": MOMENT, "until": MOMENT}, "since must be before until"),
        ({"format": "parquet", "compression": "gzip"}, "parquet is compressed by itself"),
        ({"format": "jsonl", "safe_cells": True}, "are for csv"),
        ({"format": "parquet", "for_spreadsheets": True}, "are for csv"),
        ({"since": datetime(2026, 1, 1)}, "timezone"),  # noqa: DTZ001  that is what is refused
        ({"fromat": "csv"}, "Extra inputs"),
        ({"direction": "both"}, "'bot' or 'user'"),
    ],
)
def test_options_that_do_not_agree_are_refused(values: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        ExportOptions(**values)


@pytest.mark.parametrize(
    ("source", "values", "named"),
    [
        (Source.RESPONSES, {"include_raw_payload": True}, "include_raw_payload"),
        (Source.RESPONSES, {"include_unsent": True}, "include_unsent"),
        (
            Source.RESPONSES,
            {"include_raw_payload": True, "direction": "bot"},
            "include_raw_payload, direction",
        ),
        (Source.CHAT_LOG, {"wide": True}, "wide"),
    ],
)
def test_options_of_the_other_source_are_named(source: Source, values: dict[str, Any], named: str) -> None:
    chosen = ExportOptions(**values)

    with pytest.raises(ValueError, match=f"^{named}: not for {source.value}$"):
        chosen.check_fits(source)


def test_a_wide_file_has_no_place_for_metadata() -> None:
    with pytest.raises(ValueError, match="include_metadata: not for wide"):
        ExportOptions(include_metadata=True, wide=True).check_fits(Source.RESPONSES)


def test_options_of_the_own_source_fit() -> None:
    ExportOptions(include_metadata=True).check_fits(Source.RESPONSES)
    ExportOptions(wide=True, since=MOMENT).check_fits(Source.RESPONSES)
    ExportOptions(include_metadata=True, direction=Direction.BOT).check_fits(Source.CHAT_LOG)


@pytest.mark.parametrize(
    ("survey", "source", "values", "key"),
    [
        ("Health", Source.CHAT_LOG, {}, "Health_chat_log.csv"),
        ("Health", Source.RESPONSES, {}, "Health.csv"),
        ("Health", Source.RESPONSES, {"compression": "gzip"}, "Health.csv.gz"),
        ("Health", Source.CHAT_LOG, {"format": "jsonl", "compression": "gzip"}, "Health_chat_log.jsonl.gz"),
        ("Health", Source.CHAT_LOG, {"format": "parquet"}, "Health_chat_log.parquet"),
        ("a b-c_d.e", Source.RESPONSES, {}, "a b-c_d.e.csv"),
        ("..", Source.RESPONSES, {}, "=2E..csv"),
        ("../../x", Source.RESPONSES, {}, "=2E.=2F..=2Fx.csv"),
        ("a/b", Source.RESPONSES, {}, "a=2Fb.csv"),
        ("a%2Fb", Source.RESPONSES, {}, "a=252Fb.csv"),
        ("🙏", Source.RESPONSES, {}, "=F0=9F=99=8F.csv"),
        ("\ud83d", Source.RESPONSES, {}, "=ED=A0=BD.csv"),
    ],
)
def test_a_key_is_below_the_owner_and_the_export(
    survey: str, source: Source, values: dict[str, Any], key: str
) -> None:
    chosen = ExportOptions(**values)

    assert object_key(OWNER, ID, survey, source, chosen) == f"exports/{owner_hash(OWNER)}/{ID}/{key}"
    assert flat_key(survey, source, chosen) == f"exports/{key}"
    assert OWNER not in object_key(OWNER, ID, survey, source, chosen)


@given(names, names, st.uuids(), sources, options())
def test_a_key_never_leaves_its_place(
    owner: str, survey: str, export_id: uuid.UUID, source: Source, chosen: ExportOptions
) -> None:
    owner = owner.encode("utf-8", "replace").decode()

    key = object_key(owner, export_id, survey, source, chosen)

    assert key.split("/")[:3] == ["exports", owner_hash(owner), str(export_id)]
    assert key.count("/") == 3
    assert key.split("/")[3] not in {"", ".", ".."}
    assert len(key.encode()) <= 1_024
    assert key.isascii()
    assert key.isprintable()
    assert flat_key(survey, source, chosen).count("/") == 1


@given(st.lists(st.tuples(names, sources, options()), min_size=2, max_size=4))
def test_different_names_have_different_flat_keys(asked: list[tuple[str, Source, ExportOptions]]) -> None:
    # What else tells files of the same format apart, the system before did not put into the key.
    wanted = {(survey, source, chosen.format, chosen.compression) for survey, source, chosen in asked}
    if any(name.endswith(("_chat_log", "_codebook", "_messages")) for name, *_ in wanted):
        return
    keys = {flat_key(survey, source, chosen) for survey, source, chosen in asked}

    assert len(keys) == len(wanted)


@given(names, names)
def test_owners_have_places_of_their_own(one: str, other: str) -> None:
    one, other = (text.encode("utf-8", "replace").decode() for text in (one, other))

    assert (owner_hash(one) == owner_hash(other)) == (one == other)


@given(names, sources, options())
def test_a_file_name_is_one_that_every_file_system_takes(
    survey: str, source: Source, chosen: ExportOptions
) -> None:
    name = file_name(survey, source, chosen, MOMENT)

    assert not set(name) & set('/\\:*?"<>|\r\n\0')
    assert name.isprintable()
    assert not name.startswith((".", " "))
    assert 0 < len(name.encode()) <= 255


@pytest.mark.parametrize(
    ("survey", "expected"),
    [
        ("Health 🙏🏾", "Health 🙏🏾_chat_log_until_2026-03-01.csv"),
        ("../etc/passwd", "_etc_passwd_chat_log_until_2026-03-01.csv"),
        ('a"b\r\nc', "a_b__c_chat_log_until_2026-03-01.csv"),
        ("...", "_chat_log_until_2026-03-01.csv"),
    ],
)
def test_a_file_is_named_as_its_survey(survey: str, expected: str) -> None:
    assert file_name(survey, Source.CHAT_LOG, PLAIN, MOMENT) == expected


@pytest.mark.parametrize(
    ("source", "values", "expected"),
    [
        ("chat_log", {"since": "2026-02-24", "until": "2026-02-26"}, "H_chat_log_2026-02-24_2026-02-25.csv"),
        ("chat_log", {"since": "2026-02-24"}, "H_chat_log_2026-02-24_2026-03-01.csv"),
        ("responses", {"until": "2026-02-26"}, "H_responses_until_2026-02-25.csv"),
        ("responses", {"wide": True, "format": "xlsx"}, "H_responses_wide_until_2026-03-01.xlsx"),
        ("codebook", {"tz": "Pacific/Honolulu"}, "H_codebook_until_2026-02-28.csv"),
        (
            "chat_log",
            {
                "direction": "user",
                "include_metadata": True,
                "include_raw_payload": True,
                "compression": "gzip",
            },
            "H_chat_log_user_metadata_raw_until_2026-03-01.csv.gz",
        ),
        (
            "messages",
            {"filter": {"platform": "twitch", "channel": "a/b"}, "rows": "conversation"},
            "conversations_twitch_a_b_until_2026-03-01.csv",
        ),
        ("messages", {}, "messages_until_2026-03-01.csv"),
        ("messages", {"filter": {"learner": "l 1"}}, "messages_l 1_until_2026-03-01.csv"),
        ("learner", {"filter": {"learner": "l1"}, "format": "jsonl"}, "learner_l1_until_2026-03-01.jsonl"),
    ],
)
def test_a_folder_of_files_tells_what_is_what(source: str, values: dict[str, Any], expected: str) -> None:
    of = Source(source)
    survey = "H" if of.is_of_a_survey else ""

    assert file_name(survey, of, ExportOptions.model_validate(values), MOMENT) == expected


@pytest.mark.parametrize(
    ("values", "since", "until"),
    [
        ({"since": "2026-11-24", "tz": "Africa/Lagos"}, "2026-11-23T23:00:00+00:00", None),
        (
            {"since": "2026-11-24", "until": "2026-11-25"},
            "2026-11-24T00:00:00+00:00",
            "2026-11-25T00:00:00+00:00",
        ),
        # On the day on which clocks go back, 25 hours.
        (
            {"since": "2026-10-25", "until": "2026-10-26", "tz": "Europe/Berlin"},
            "2026-10-24T22:00:00+00:00",
            "2026-10-25T23:00:00+00:00",
        ),
        ({"since": "2026-11-24T09:00:00+03:00"}, "2026-11-24T06:00:00+00:00", None),
    ],
)
def test_a_day_begins_in_its_zone(values: dict[str, Any], since: str, until: str | None) -> None:
    chosen = ExportOptions.model_validate(values)

    assert [at and at.astimezone(UTC).isoformat() for at in (chosen.since, chosen.until)] == [since, until]


@pytest.mark.parametrize(
    "values", [{"tz": "Mars/Olympus"}, {"tz": "America"}, {"tz": "../etc"}, {"since": "2026-02-30"}]
)
def test_what_is_no_zone_and_no_day_is_refused(values: dict[str, Any]) -> None:
    with pytest.raises(ValidationError, match=r"accepted: (such as|the name of a zone such as)"):
        ExportOptions.model_validate(values)


@pytest.mark.parametrize(
    ("status", "empty", "cancelled", "removed", "state"),
    [
        ("Started", False, False, False, State.STARTED),
        ("Started", True, True, False, State.STARTED),
        ("Writing", True, False, False, State.WRITING),
        ("Finished", False, False, False, State.FINISHED),
        ("Finished", True, False, False, State.EMPTY),
        ("Finished", True, False, True, State.REMOVED),
        ("Failed", True, False, False, State.FAILED),
        ("Failed", True, True, False, State.CANCELLED),
    ],
)
def test_a_state_tells_apart_what_a_status_does_not(
    *, status: str, empty: bool, cancelled: bool, removed: bool, state: State
) -> None:
    found = State.of(Status(status), is_empty=empty, is_cancelled=cancelled, is_removed=removed)

    assert found is state


@pytest.mark.parametrize(
    ("source", "values"),
    [
        ("messages", {"wide": True}),
        ("messages", {"include_unsent": True}),
        ("messages", {"rows": "conversation", "include_metadata": True}),
        ("chat_log", {"filter": {"platform": "twitch"}}),
        ("responses", {"rows": Rows.CONVERSATION}),
        ("codebook", {"since": MOMENT}),
        ("learner", {"filter": {"learner": "l1"}, "since": MOMENT}),
    ],
)
def test_options_of_another_source_are_refused(source: str, values: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="not for"):
        ExportOptions(**values).check_fits(Source(source))


def test_a_file_of_a_learner_is_of_one_and_of_nothing_else() -> None:
    ExportOptions.of_learner("l1").check_fits(Source.LEARNER)
    for filter_ in (None, {}, {"learner": "l1", "channel": "c"}, {"channel": "c"}):
        with pytest.raises(ValueError, match="filter: a learner"):
            ExportOptions.model_validate({"filter": filter_}).check_fits(Source.LEARNER)


def test_messages_are_asked_for_as_somebody_and_a_survey_is_not() -> None:
    base: dict[str, Any] = {"export_id": str(ID), "user": OWNER}
    wrong: list[dict[str, Any]] = [
        {"survey": "Health", "asked_as": {"roles": ["admin"]}},
        {"survey": "", "source": "responses"},
        {"survey": "", "source": "messages"},
        {"survey": "Health", "source": "messages", "asked_as": {}},
    ]

    for values in wrong:
        with pytest.raises(BadRecord):
            ExportJob.of(as_bytes(base | values))


def test_who_asked_is_who_they_were() -> None:
    asker = Caller(OWNER, roles=frozenset({CallerRole.MODERATOR}), scope=frozenset({"platform:twitch"}))

    kept = AskedAs.of(asker)

    assert kept.caller(OWNER) == asker
    assert AskedAs(roles=("of a newer version",)).caller(OWNER).roles == frozenset()
    assert WantedMessages().model_dump(exclude_none=True) == {}


def test_only_finished_and_failed_are_final() -> None:
    assert [status for status in Status if status.is_final] == [Status.FINISHED, Status.FAILED]
