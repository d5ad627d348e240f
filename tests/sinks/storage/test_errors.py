"""Who must act on each way in which storage fails: a table."""

from __future__ import annotations

import socket
import ssl

import pytest
from botocore import exceptions, parsers
from botocore.exceptions import ClientError

from sinks.errors import CannotGoOn, ServiceDown
from sinks.storage.errors import LOST, REFUSALS, WAIT, UploadLost, classify


def answer(code: str, status: int, message: str = "it is so") -> ClientError:
    return ClientError(
        {"Error": {"Code": code, "Message": message}, "ResponseMetadata": {"HTTPStatusCode": status}},
        "PutObject",
    )


def unreachable(cause: Exception) -> exceptions.EndpointConnectionError:
    return exceptions.EndpointConnectionError(endpoint_url="http://storage:9000/b/a-key", error=cause)


@pytest.mark.parametrize("code", sorted(WAIT))
def test_what_passes_is_waited_for(code: str) -> None:
    assert type(classify(answer(code, 400))) is ServiceDown


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504, 507])
def test_so_is_any_trouble_of_the_server(status: int) -> None:
    assert type(classify(answer("Whatever", status))) is ServiceDown


@pytest.mark.parametrize("code", sorted(LOST))
def test_an_upload_that_is_gone_is_told_apart(code: str) -> None:
    assert isinstance(classify(answer(code, 404)), UploadLost)


@pytest.mark.parametrize("code", sorted(REFUSALS))
def test_a_refusal_tells_what_to_mend_and_what_storage_said(code: str) -> None:
    refused = classify(answer(code, 400))
    assert isinstance(refused, CannotGoOn)
    assert REFUSALS[code] in str(refused)
    assert f"it is so ({code}, PutObject)" in str(refused)


@pytest.mark.parametrize(
    ("error", "kind", "said"),
    [
        (TimeoutError(), ServiceDown, "does not answer"),
        (exceptions.ReadTimeoutError(endpoint_url="http://storage"), ServiceDown, "does not answer"),
        (exceptions.ConnectTimeoutError(endpoint_url="http://storage"), ServiceDown, "does not answer"),
        (unreachable(ConnectionRefusedError()), ServiceDown, "at storage:9000"),
        (unreachable(socket.gaierror(socket.EAI_AGAIN, "try again")), ServiceDown, "at storage:9000"),
        (unreachable(socket.gaierror(socket.EAI_NONAME, "unknown")), CannotGoOn, "STORAGE_ENDPOINT"),
        (unreachable(ssl.SSLCertVerificationError(1, "self-signed")), CannotGoOn, "AWS_CA_BUNDLE"),
        (
            exceptions.ConnectionClosedError(endpoint_url="http://storage:9000/b"),
            ServiceDown,
            "at storage:9000",
        ),
        (exceptions.NoCredentialsError(), CannotGoOn, "set STORAGE_ACCESS_KEY"),
        (
            exceptions.CredentialRetrievalError(provider="a role", error_msg="a token"),
            ServiceDown,
            "credentials of this machine",
        ),
        (parsers.ResponseParserError("<html>"), CannotGoOn, "correct STORAGE_ENDPOINT"),
        (answer("403", 403), CannotGoOn, "STORAGE_SECRET_KEY"),
        (answer("SomethingNew", 418), CannotGoOn, "chatlog storage check"),
        (exceptions.InvalidRegionError(region_name="no region"), CannotGoOn, "STORAGE_"),
    ],
)
def test_each_error_names_who_must_act(error: Exception, kind: type[Exception], said: str) -> None:
    found = classify(error)
    assert type(found) is kind
    assert said in str(found)
    assert "a-key" not in str(found)
    assert "\n" not in str(found)


def test_a_long_answer_is_cut_to_one_line() -> None:
    assert len(str(classify(answer("AccessDenied", 403, "so\n" * 5000)))) < 600
