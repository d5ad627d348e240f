"""The kinds of values that settings of several areas have, and what is said of one that is none of them.

Messages say what is accepted and never quote a value: it may hold a password.
"""

import re
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, SecretStr

from models.hosts import bare_host


def matching(pattern: str, accepted: str) -> AfterValidator:
    """Return a validator that refuses text which does not match the whole pattern.

    Args:
        pattern: a regular expression.
        accepted: what it accepts, in words.
    """

    def check(value: str) -> str:
        if not re.fullmatch(pattern, value):
            raise ValueError(f"not such a name; accepted: {accepted}")
        return value

    return AfterValidator(check)


def split_on_commas(value: object) -> object:
    """Return the parts of a variable that names several things, as pydantic takes them."""
    return [part.strip() for part in value.split(",") if part.strip()] if isinstance(value, str) else value


def _empty_is_unset(value: object) -> object:
    return None if isinstance(value, str) and not value.strip() else value


def check_origin(value: str) -> str:
    """Return an origin as browsers tell it.

    Raises:
        ValueError: it is none.
    """
    parts = urlsplit(value)
    if parts.scheme not in {"http", "https"} or not parts.hostname or parts.path not in {"", "/"}:
        raise ValueError("not origins; accepted: https://app.example.org, several with commas between; or *")
    return f"{parts.scheme}://{parts.netloc}"


def _check_http_url(value: str | None) -> str | None:
    if value is None:
        return None
    try:
        parts = urlsplit(value)
        is_one = parts.scheme in {"http", "https"} and bool(parts.hostname) and (parts.port or 1) > 0
    except ValueError:
        is_one = False
    if not is_one or parts.username or parts.query or parts.fragment:
        raise ValueError(f"not a URL of a server; accepted: {HTTP_URL_FORM}")
    return value.rstrip("/")


HTTP_URL_FORM = "https://host:port/path, without a user or a password"

#: For values that may be left out: an empty variable is an unset one.
EmptyIsUnset = BeforeValidator(_empty_is_unset)
OptionalText = Annotated[str | None, EmptyIsUnset]
OptionalSecret = Annotated[SecretStr | None, EmptyIsUnset]
OptionalPath = Annotated[Path | None, EmptyIsUnset]
OptionalUrl = Annotated[str | None, EmptyIsUnset, AfterValidator(_check_http_url)]
Host = Annotated[str, AfterValidator(bare_host)]

#: What Kafka allows as the name of a topic, a group or a member.
KafkaName = Annotated[
    str, matching(r"[A-Za-z0-9._-]{1,249}", "1 to 249 letters, digits, dots, hyphens, underscores")
]
OptionalKafkaName = Annotated[KafkaName | None, EmptyIsUnset]
