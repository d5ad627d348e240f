"""What an audit says: a table of cases, and properties of any payload."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.audit_columns import UnfitColumns, columns_of
from models.audit_rows import audit_of, lead_of, moment_ms
from models.audits import PAYLOAD_MAX, Audit, AuditLead, AuditMessage, SkipReason, message_of, text_of
from models.errors import BadRecord
from models.ids import conversation_key, message_id
from models.text import clean_text

if TYPE_CHECKING:
    from models import JSON

NINE_MS = 1_762_765_200_000
json_values: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=10,
)


def audit(payload: JSON = None, **fields: Any) -> Audit:
    values: dict[str, Any] = {
        "id": "a1",
        "lead_id": "l1",
        "actor": "customer",
        "action": "message_received",
        "created_at": NINE_MS,
    }
    return audit_of({**values, **fields, "payload": {"text": "hello"} if payload is None else payload})


TEXTS: list[tuple[str, JSON, str | None, str | None]] = [
    ("its text", {"text": "hello", "message": "no"}, "any", "hello"),
    ("then its message", {"text": "", "message": "hello", "content": "no"}, "any", "hello"),
    ("then its content", {"message": 5, "content": "hello", "body": "no"}, "any", "hello"),
    ("then the body of a message that was sent", {"body": "hello"}, "message_sent", "hello"),
    ("or received", {"text": " \n", "body": "hello"}, "message_received", "hello"),
    ("a body of anything else is data", {"body": "hello"}, "request_made", '{"body":"hello"}'),
    ("and so it is without an action", {"body": "hello"}, None, '{"body":"hello"}'),
    ("text is kept as it is", {"text": "  hello\n"}, None, "  hello\n"),
    ("else all of it, compact", {"b": [1, 2.5], "a": None}, None, '{"a":null,"b":[1,2.5]}'),
    ("in any script", {"état": "ውሂብ"}, None, '{"état":"ውሂብ"}'),
    ("a list too", [{"x": 1}], None, '[{"x":1}]'),
    ("a number too", 5, None, "5"),
    ("text alone is the text", "hello", None, "hello"),
    ("text that holds an object is that", '{"text": "hello"}', None, "hello"),
    ("text that quotes a text is that", '"hello"', None, "hello"),
    ("text that only begins like JSON is text", "{hello", None, "{hello"),
    ("a number that is text is text", "5", None, "5"),
    ("nothing", None, None, None),
    ("text that is null is nothing", " null\n", None, None),
    ("and so is text that quotes it", '"null"', None, None),
    ("0 is a number", 0, None, "0"),
    ("and text", "0", None, "0"),
    ("no is an answer", False, None, "false"),
    ("and text", "false", None, "false"),
    ("text that quotes an object is that", r'"{\"text\": \"hello\"}"', None, "hello"),
    ("text that holds half an emoji", r'{"text": "hi \ud83d"}', None, "hi \ufffd"),
    ("text that quotes nothing is nothing", '""', None, None),
    ("an empty object", {}, None, None),
    ("an empty list", [], "message_sent", None),
    ("an empty text", "", None, None),
    ("a blank text", " \t\n", None, None),
    ("text that holds an empty object", "{}", None, None),
    ("blank text in an object is data", {"text": " "}, None, '{"text":" "}'),
    ("what no column can hold", {"text": "a\0b\ud800"}, None, "a\ufffdb\ufffd"),
]


@pytest.mark.parametrize(
    ("payload", "action", "said"), [case[1:] for case in TEXTS], ids=[c[0] for c in TEXTS]
)
def test_what_a_payload_says(payload: JSON, action: str | None, said: str | None) -> None:
    assert text_of(payload, action) == said


def test_a_long_payload_is_cut_and_a_long_text_is_not() -> None:
    assert text_of({"data": "x" * 5_000}, None) == '{"data":"' + "x" * (PAYLOAD_MAX - 9)
    assert text_of({"text": "x" * 5_000}, None) == "x" * 5_000


@given(json_values)
def test_a_payload_says_the_same_as_a_column_of_it_or_a_file_that_quotes_it(payload: Any) -> None:
    quoted = json.dumps(payload)
    try:
        said = text_of(payload, "message_sent")
    except (ValueError, OverflowError):
        return  # a number beyond a float
    if isinstance(payload, float):
        return  # 1.0 may be 1, and 1e3 1000
    assert text_of(quoted, "message_sent") == text_of(json.dumps(quoted), "message_sent") == said


@given(json_values)
def test_any_payload_says_something_that_can_be_kept_or_nothing(payload: Any) -> None:
    try:
        said = text_of(payload, "message_sent")
    except (ValueError, OverflowError):
        return  # a number beyond a float
    if said is not None:
        assert said.strip() or said == clean_text(said)
        assert said == clean_text(said)
        assert said.encode()


@given(st.dictionaries(st.text(max_size=5), json_values, min_size=1, max_size=5))
def test_the_order_of_keys_makes_no_other_text(payload: dict[str, Any]) -> None:
    backwards = dict(reversed(payload.items()))
    try:
        assert text_of(payload, None) == text_of(backwards, None)
    except (ValueError, OverflowError):
        return


ROLES = [
    ("customer", "user"),
    ("user", "user"),
    ("agent", "assistant"),
    ("assistant", "assistant"),
    ("system", "system"),
    ("tool", "tool"),
]


@pytest.mark.parametrize(("actor", "role"), ROLES)
def test_who_acted_tells_who_spoke(actor: str, role: str) -> None:
    told = message_of(audit(actor=actor))
    assert isinstance(told, AuditMessage)
    assert told.role == role


SKIPPED = [
    (audit(lead_id=None), SkipReason.NO_LEAD),
    (audit(lead_id=""), SkipReason.NO_LEAD),
    (audit(actor="webhook"), SkipReason.UNKNOWN_ACTOR),
    (audit(actor=None), SkipReason.UNKNOWN_ACTOR),
    (audit(actor="Customer"), SkipReason.UNKNOWN_ACTOR),
    (audit({}), SkipReason.NO_TEXT),
    # Of several reasons, the first.
    (audit({}, actor="webhook", lead_id=None), SkipReason.NO_LEAD),
    (audit({}, actor="webhook"), SkipReason.UNKNOWN_ACTOR),
]


@pytest.mark.parametrize(("skipped", "why"), SKIPPED)
def test_an_audit_may_tell_of_no_message(skipped: Audit, why: SkipReason) -> None:
    assert message_of(skipped) is why


def test_a_message_has_the_id_and_the_metadata_of_its_audit() -> None:
    told = message_of(audit(id="xyz-789"))
    assert isinstance(told, AuditMessage)
    assert told.id == message_id("crm", "xyz-789", NINE_MS)
    # Of which there may be megabytes.
    assert told.audit.payload is None
    assert told.metadata == {
        "auditId": "xyz-789",
        "auditAction": "message_received",
        "auditActor": "customer",
        "source": "audit_backfill",
        "createdBy": "chatlog backfill audits",
    }


def test_the_digest_tells_whether_anything_that_is_taken_was_changed() -> None:
    whole = audit()
    others = [
        audit({"text": "hello!"}),
        audit(lead_id="l2"),
        audit(actor="user"),
        audit(action="message_sent"),
        audit(created_at=NINE_MS + 1),
    ]
    digests = {told.digest for each in [whole, *others] if isinstance(told := message_of(each), AuditMessage)}
    assert len(digests) == 6
    # What is not taken may be.
    same = message_of(audit({"text": "hello", "note": 1}))
    assert isinstance(same, AuditMessage)
    assert same.digest in digests


LEADS = [
    (AuditLead("l", messenger_psid="psid", phone="+44"), "psid", "psid"),
    (AuditLead("l", phone="+44"), "+44", "+44"),
    (AuditLead("l"), None, "l"),
]


@pytest.mark.parametrize(("lead", "external_id", "subject_id"), LEADS)
def test_whom_a_conversation_is_with(lead: AuditLead, external_id: str | None, subject_id: str) -> None:
    assert (lead.external_id, lead.subject_id) == (external_id, subject_id)


def test_a_lead_is_one_conversation_with_what_the_document_keeps_of_it() -> None:
    lead = lead_of(
        {
            "id": 7,
            "customer_id": "c1",
            "channel": "whatsapp",
            "phone": "+44",
            "stage": "done",
            "created_at": NINE_MS,
        }
    )
    assert lead.conversation_id == conversation_key("crm", "whatsapp", "7")
    assert lead.metadata("2026-11-30T00:00:00.000+00:00") == {
        "source": "audit_backfill",
        "leadStage": "done",
        "createdBy": "chatlog backfill audits",
        "createdAt": "2026-11-30T00:00:00.000+00:00",
        "leadId": "7",
        "customerId": "c1",
        "externalId": "+44",
    }
    assert AuditLead("l").place == "unknown"


MOMENTS: list[tuple[JSON, int]] = [
    (NINE_MS, NINE_MS),
    (0, 0),
    (str(NINE_MS), NINE_MS),
    ("20251110", NINE_MS - 9 * 60 * 60 * 1000),
    ("2025-11-10T09:00:00.000Z", NINE_MS),
    ("2025-11-10T10:00:00+01:00", NINE_MS),
    ("2025-11-10 09:00:00", NINE_MS),
    ("2025-11-10 09:00:00.123456", NINE_MS + 123),
]


@pytest.mark.parametrize(("told", "at_ms"), MOMENTS)
def test_a_time_is_utc_where_it_says_nothing_else(told: JSON, at_ms: int) -> None:
    assert moment_ms(told, "created_at") == at_ms


BAD: list[dict[str, JSON]] = [
    {"id": None},
    {"id": ""},
    {"id": ["a"]},
    {"id": True},
    {"id": "x" * 513},
    {"lead_id": {"a": 1}},
    {"created_at": None},
    {"created_at": ""},
    {"created_at": "yesterday"},
    {"created_at": "1969-12-31T23:59:59Z"},
    {"created_at": "0001-01-01T00:00:00+14:00"},
    {"created_at": 1.5},
    {"created_at": "9" * 5_000},
    {"created_at": True},
]


@pytest.mark.parametrize("fields", BAD)
def test_a_row_that_is_no_audit_is_told_without_what_it_says(fields: dict[str, JSON]) -> None:
    with pytest.raises(BadRecord) as raised:
        audit(**fields)
    assert next(iter(fields)) in raised.value.detail
    assert "yesterday" not in raised.value.detail


def test_a_payload_that_cannot_be_written_again_is_a_bad_row() -> None:
    deep: Any = "x"
    for _ in range(5_000):
        deep = [deep]
    payloads: list[Any] = [deep, {"number": 10**400}]
    for payload in payloads:
        with pytest.raises(BadRecord):
            message_of(audit(payload))


@given(
    st.dictionaries(
        st.sampled_from(["id", "lead_id", "actor", "action", "created_at", "payload"]), json_values
    )
)
def test_any_row_is_an_audit_or_a_bad_one(row: dict[str, Any]) -> None:
    try:
        told = message_of(audit_of(row))
    except BadRecord:
        return
    assert isinstance(told, SkipReason) or msgspec.json.encode(told.metadata)


def test_columns_are_looked_for_as_prisma_writes_them_and_then_in_snake_case() -> None:
    audits = columns_of({}).audit
    camel = {"id", "leadId", "actor", "action", "createdAt", "payload", "lead_id"}
    snake = {"id", "lead_id", "actor", "action", "created_at", "payload"}
    assert audits.among(camel, "Audit")["lead_id"] == "leadId"
    assert audits.among(snake, "Audit") == {name: name for name in snake}
    assert audits.table == "Audit"


def test_a_mapping_says_other_names_for_some() -> None:
    columns = columns_of({"audit": {"table": "log.events", "lead_id": "prospect"}, "lead": {"phone": "tel"}})
    assert columns.audit.table == "log.events"
    assert columns.audit.names["lead_id"] == ("prospect",)
    assert columns.audit.names["created_at"] == ("createdAt", "created_at")
    assert columns.lead.names["phone"] == ("tel",)


def test_what_a_mapping_names_has_to_be_there() -> None:
    columns = columns_of({"lead": {"phone": "tel"}}).lead
    for mistyped in (columns.among, columns.require_mapped):
        with pytest.raises(UnfitColumns, match=r"leads has no column for phone .looked for phone: tel.: say"):
            mistyped({"id", "phone"}, "leads")
    assert columns.among({"id", "tel"}, "leads") == {"id": "id", "phone": "tel"}
    # An object of JSON may leave out the rest.
    columns.require_mapped({"tel"}, "leads")


@pytest.mark.parametrize(
    ("mapping", "told"),
    [
        ({"audits": {}}, "there are [audit] and [lead]"),
        ({"audit": {"who": "x"}}, "[audit] has who; there are table, id, lead_id"),
        ({"lead": {"id": 5}}, "[lead] has a name in quotes"),
        ({"lead": "Lead"}, "[lead] has a name in quotes"),
    ],
)
def test_a_mapping_of_something_else_is_refused(mapping: dict[str, object], told: str) -> None:
    with pytest.raises(UnfitColumns) as raised:
        columns_of(mapping)
    assert told in str(raised.value)


def test_a_column_that_is_needed_and_missing_is_named() -> None:
    with pytest.raises(UnfitColumns) as raised:
        columns_of({}).audit.among({"id", "actor", "payload", "createdAt"}, "audits.csv")
    assert "audits.csv has no column for lead_id (looked for lead_id: leadId or lead_id)" in str(raised.value)
