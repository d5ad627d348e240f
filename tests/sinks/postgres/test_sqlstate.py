"""Who is to blame, by SQLSTATE: one row a rule."""

from __future__ import annotations

import ssl

import asyncpg
import pytest

from models.errors import BadRecord
from sinks.errors import CannotGoOn, ServiceDown
from sinks.postgres.sqlstate import DRIVER_ERRORS, classify

CASES = [
    ("08006", ServiceDown, "connection failure"),
    ("53300", ServiceDown, "too many connections"),
    ("53100", ServiceDown, "disk full"),
    ("53200", ServiceDown, "out of memory"),
    ("57P01", ServiceDown, "admin shutdown"),
    ("57P03", ServiceDown, "starting up"),
    ("57014", ServiceDown, "statement timeout"),
    ("58030", ServiceDown, "I/O error"),
    ("40001", ServiceDown, "serialization failure"),
    ("40P01", ServiceDown, "deadlock"),
    ("55P03", ServiceDown, "lock not available"),
    ("25006", ServiceDown, "read-only transaction"),
    ("22003", BadRecord, "numeric out of range"),
    ("22P02", BadRecord, "bad UUID"),
    ("22000", BadRecord, "a value that the driver cannot write, too"),
    ("22P05", BadRecord, "untranslatable character"),
    ("23502", BadRecord, "not null"),
    ("23514", BadRecord, "no partition, or a check"),
    ("54000", BadRecord, "index row too large"),
    ("42P01", CannotGoOn, "no such table"),
    ("42501", CannotGoOn, "no right"),
    ("42703", CannotGoOn, "no such column"),
    ("28P01", CannotGoOn, "wrong password"),
    ("3D000", CannotGoOn, "no such database"),
    ("XX000", CannotGoOn, "internal error"),
]


@pytest.mark.parametrize(("code", "expected", "what"), CASES, ids=[case[2] for case in CASES])
def test_the_sqlstate_says_who_must_act(code: str, expected: type[Exception], what: str) -> None:
    error = asyncpg.PostgresError.new({"C": code, "M": what, "S": "ERROR"})
    assert isinstance(classify(error), expected)


@pytest.mark.parametrize(
    "error",
    [
        ConnectionRefusedError(),
        TimeoutError(),
        OSError("no route"),
        asyncpg.InterfaceError("connection is closed"),
        asyncpg.ConnectionDoesNotExistError("gone"),
        asyncpg.InternalClientError("cannot switch to state 15; another operation (2) is in progress"),
        asyncpg.TargetServerAttributeNotMatched("none of the servers is the primary"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_a_lost_connection_means_wait(error: Exception) -> None:
    assert isinstance(classify(error), ServiceDown)


@pytest.mark.parametrize("code", [code for code, expected, _ in CASES if expected is ServiceDown])
def test_who_waits_is_told_which_service_and_what_to_do(code: str) -> None:
    error = asyncpg.PostgresError.new({"C": code, "M": "said the server", "S": "ERROR"})
    what, _, remedy = str(classify(error)).partition(": ")
    # The first part is told to anyone who asks for the worker's health.
    assert what == f"PostgreSQL refuses for now (SQLSTATE {code})"
    assert remedy.endswith("; it says: said the server")
    assert len(remedy) > len("; it says: said the server")


def test_the_remedy_is_that_of_the_code_rather_than_of_its_class() -> None:
    full = asyncpg.PostgresError.new({"C": "53100", "M": "could not extend file", "S": "ERROR"})
    assert "its disk is full" in str(classify(full))


def test_a_server_that_is_silent_is_told_from_one_that_is_not_there() -> None:
    assert str(classify(TimeoutError())).startswith("PostgreSQL does not answer (TimeoutError): ")
    gone = str(classify(ConnectionRefusedError(111, "Connect call failed ('10.0.0.1', 5432)")))
    assert gone.partition(": ")[0] == "PostgreSQL cannot be reached (ConnectionRefusedError)"
    assert "start it, or correct DATABASE_URL; [Errno 111]" in gone
    assert str(classify(ConnectionResetError())).endswith("start it, or correct DATABASE_URL")


def test_a_url_that_cannot_be_used_is_nothing_to_wait_for() -> None:
    described = classify(asyncpg.ClientConfigurationError("invalid DSN: postgresql://me:secret@"))
    assert isinstance(described, CannotGoOn)
    assert "DATABASE_URL" in str(described)
    assert "secret" not in str(described)


def test_whatever_is_judged_is_caught() -> None:
    errors = (asyncpg.ClientConfigurationError(""), asyncpg.InternalClientError(""))
    assert all(isinstance(error, DRIVER_ERRORS) for error in errors)


def test_a_refused_record_is_described_without_its_content() -> None:
    error = asyncpg.PostgresError.new(
        {"C": "22P02", "M": 'invalid input syntax for type uuid: "my secret"', "S": "ERROR"}
    )
    described = classify(error)
    assert isinstance(described, BadRecord)
    assert "secret" not in str(described)
    assert "22P02" in described.detail


@pytest.mark.parametrize(
    "error",
    [
        ssl.SSLCertVerificationError(1, "certificate verify failed: self-signed certificate"),
        ssl.SSLError(1, "[SSL: TLSV13_ALERT_CERTIFICATE_REQUIRED] tlsv13 alert certificate required"),
        ConnectionError('PostgreSQL server at "db:5432" rejected SSL upgrade'),
        asyncpg.ClientConfigurationError("`sslmode` parameter must be one of: disable"),
        asyncpg.ProtocolViolationError("password authentication failed"),
        asyncpg.ProtocolViolationError("no such user: someone"),
        asyncpg.ProtocolViolationError('database "other" does not exist'),
        asyncpg.ProtocolViolationError("unsupported startup parameter: search_path"),
        asyncpg.ConnectionDoesNotExistError("transaction blocks not allowed in statement pooling mode"),
    ],
    ids=str,
)
def test_what_waiting_does_not_mend_stops(error: Exception) -> None:
    assert isinstance(classify(error), CannotGoOn)


@pytest.mark.parametrize(
    "error",
    [
        ssl.SSLEOFError(8, "EOF occurred in violation of protocol"),
        ConnectionResetError("Connection reset by peer"),
        ConnectionError("unexpected connection_lost() call"),
        asyncpg.ProtocolViolationError("server login failed: FATAL the database system is starting up"),
        asyncpg.ProtocolViolationError("pgbouncer cannot connect to server"),
        asyncpg.ProtocolViolationError("query_wait_timeout"),
        asyncpg.ProtocolViolationError("no more connections allowed (max_client_conn)"),
    ],
    ids=str,
)
def test_what_passes_is_waited_for(error: Exception) -> None:
    assert isinstance(classify(error), ServiceDown)
