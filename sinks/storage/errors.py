"""Tells who must act when object storage fails: it (wait and retry), or the operator (a setting, a right).

The rules (code → remedy) are tables, so that a change is one line here and one row in their test. Sources:
Amazon S3 API Reference, Error Responses; what rclone and moto say beside it.
"""

from __future__ import annotations

import socket
import ssl
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from botocore import exceptions, parsers
from botocore.exceptions import BotoCoreError, ClientError

from sinks.errors import CannotGoOn, ServiceDown, SinkError

if TYPE_CHECKING:
    from collections.abc import Iterator

#: What a call to storage raises when it could not be carried out; anything else is a bug of ours.
STORAGE_ERRORS = (BotoCoreError, ClientError, parsers.ResponseParserError, TimeoutError)

_RIGHTS = (
    "the keys may not do this: give them s3:GetObject, PutObject, DeleteObject, AbortMultipartUpload and "
    "ListBucket on STORAGE_BUCKET, or correct STORAGE_ACCESS_KEY and STORAGE_SECRET_KEY"
)
_REGION = "the bucket is in another region: correct STORAGE_REGION"
_RENEW = "the temporary credentials of this machine are not valid: renew them, or set STORAGE_ACCESS_KEY"
_NO_BUCKET = "the bucket is not there: make it, or correct STORAGE_BUCKET"
#: Waiting does not help; what does.
REFUSALS = {
    "NoSuchBucket": _NO_BUCKET,
    "InvalidBucketName": "that is no name of a bucket: correct STORAGE_BUCKET",
    "InvalidAccessKeyId": "it does not know the access key: correct STORAGE_ACCESS_KEY",
    "SignatureDoesNotMatch": "the secret key is not that of the access key: correct STORAGE_SECRET_KEY",
    "AccessDenied": _RIGHTS,
    "AllAccessDisabled": _RIGHTS,
    "AccountProblem": _RIGHTS,
    "AuthorizationHeaderMalformed": _REGION,
    "PermanentRedirect": _REGION,
    "IllegalLocationConstraintException": _REGION,
    "RequestTimeTooSkewed": "this machine's clock is wrong: set it",
    "ExpiredToken": _RENEW,
    "InvalidToken": _RENEW,
    "EntityTooLarge": "the file is larger than it takes: export less at once",
    "NotImplemented": "it cannot do what we need: use another storage",
    # Answers to HEAD have no body, so no code but the status.
    "301": _REGION,
    "400": "it takes the request for a wrong one: correct STORAGE_REGION and the keys",
    "403": _RIGHTS,
    "404": _NO_BUCKET,
}
#: Waiting helps: it is busy, or the bytes were damaged on the way and are sent again. So does any 5xx.
WAIT = {
    "BadDigest",
    "ConditionalRequestConflict",
    "IncompleteBody",
    "InternalError",
    "OperationAborted",
    "RequestTimeout",
    "ServiceUnavailable",
    "SlowDown",
    "Throttling",
    "ThrottlingException",
    "XAmzContentSHA256Mismatch",
}
_WAIT_STATUSES = {408, 425, 429}
#: Parts that were stored are gone; those yet to come have nowhere to go.
LOST = {"NoSuchUpload", "InvalidPart", "InvalidPartOrder"}

_SAID_MAX = 200


class UploadLost(ServiceDown):
    """Storage has forgotten an unfinished upload, as some do when they restart: make the file anew."""


def classify(error: Exception) -> SinkError:
    """Return what `error`, one of `STORAGE_ERRORS`, means.

    Returns:
        ServiceDown to try again, UploadLost to begin again, CannotGoOn with the setting to mend.
    """
    if isinstance(error, ClientError):
        return _of_answer(error)
    for kinds, is_passing, message in _MESSAGES:
        if isinstance(error, kinds):
            return ServiceDown(message) if is_passing else CannotGoOn(message)
    if isinstance(error, exceptions.HTTPClientError | exceptions.ConnectionError):
        return _of_connection(error)
    return CannotGoOn(
        f"Object storage cannot be used ({type(error).__name__}): correct the settings STORAGE_…; "
        f"{_on_one_line(str(error))}"
    )


#: What the client says before there is an answer: kinds, whether waiting helps, the message. The first that
#: fits, so the special before the general.
_MESSAGES: tuple[tuple[tuple[type[Exception], ...], bool, str], ...] = (
    (
        (TimeoutError, exceptions.ReadTimeoutError, exceptions.ConnectTimeoutError),
        True,
        "Object storage does not answer: is it frozen, or the network cut?",
    ),
    (
        (exceptions.NoCredentialsError, exceptions.PartialCredentialsError),
        False,
        "There are no keys for object storage: set STORAGE_ACCESS_KEY and STORAGE_SECRET_KEY, or use a role",
    ),
    (
        (exceptions.CredentialRetrievalError, exceptions.MetadataRetrievalError),
        True,
        "The credentials of this machine cannot be had now: see what gives it its role",
    ),
    (
        (parsers.ResponseParserError,),
        False,
        "What answers is no object storage: correct STORAGE_ENDPOINT",
    ),
)


def _of_answer(error: ClientError) -> SinkError:
    answer = error.response.get("Error", {})
    code = str(answer.get("Code", ""))
    status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    said = f"{_on_one_line(str(answer.get('Message', '')))} ({code}, {error.operation_name})"
    if code in LOST:
        return UploadLost(f"Object storage has lost an unfinished upload: it says: {said}")
    mend = REFUSALS.get(code)
    if mend is None and (code in WAIT or status in _WAIT_STATUSES or status >= 500):
        return ServiceDown(f"Object storage refuses for now: see its log if that lasts; it says: {said}")
    mend = mend or REFUSALS.get(str(status))
    if mend is None:
        return CannotGoOn(f"Object storage refuses: run `chatlog storage check`; it says: {said}")
    return CannotGoOn(f"Object storage refuses: {mend}; it says: {said}")


def _of_connection(error: BotoCoreError) -> SinkError:
    server = urlsplit(str(error.kwargs.get("endpoint_url", ""))).netloc
    for cause in _causes(error):
        if isinstance(cause, socket.gaierror) and cause.errno in _UNKNOWN_HOST:
            return CannotGoOn(
                f"Object storage has an unknown host name, {server}: correct STORAGE_ENDPOINT, or set "
                "STORAGE_PATH_STYLE=true where a bucket is no part of the host name"
            )
        if isinstance(cause, ssl.SSLCertVerificationError):
            return CannotGoOn(
                f"The certificate of object storage at {server} is not valid ({_on_one_line(str(cause))}): "
                "correct STORAGE_ENDPOINT, or let AWS_CA_BUNDLE name the authority"
            )
        if isinstance(cause, ssl.SSLError) and cause.reason in _NO_TLS:
            return CannotGoOn(
                f"Object storage at {server} does not speak TLS: let STORAGE_ENDPOINT begin with http:"
            )
    kind = type(next(_causes(error), error)).__name__
    return ServiceDown(
        f"Object storage cannot be reached ({kind}): start what is at {server}, or correct STORAGE_ENDPOINT"
    )


#: Not the errors of a name server that is away for a moment.
_UNKNOWN_HOST = {socket.EAI_NONAME, getattr(socket, "EAI_NODATA", socket.EAI_NONAME)}
_NO_TLS = {"WRONG_VERSION_NUMBER", "HTTP_REQUEST", "RECORD_LAYER_FAILURE"}


def _causes(error: BotoCoreError) -> Iterator[BaseException]:
    """Give what is behind `error`, the innermost first: botocore keeps it as a field, aiohttp as a cause."""
    chain = []
    cause = error.kwargs.get("error")
    while isinstance(cause, BaseException):
        chain.append(cause)
        cause = getattr(cause, "os_error", None) or cause.__cause__
    yield from reversed(chain)


def _on_one_line(text: str) -> str:
    return " ".join(text.split())[:_SAID_MAX]
