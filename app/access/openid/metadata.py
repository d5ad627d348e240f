"""What an identity provider publishes about itself (OpenID Connect Discovery 1.0), and what of it counts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from app.access.foreign_servers import UnusableAnswer
from models.hosts import is_safe_url

if TYPE_CHECKING:
    from app.access.foreign_servers import Answer


@dataclass(frozen=True, slots=True)
class Metadata:
    """Where a provider does what.

    Attributes:
        authorization_endpoint: where people sign in.
        token_endpoint: where a code is redeemed.
        jwks_uri: where the keys of its ID tokens are.
        userinfo_endpoint: where claims are told that its ID tokens leave out; None if it has none.
        says_who_answers: whether each answer that comes by the browser names its issuer (RFC 9207).
        takes_basic: whether a client may show its secret by the Authorization header.
    """

    authorization_endpoint: str
    token_endpoint: str
    jwks_uri: str
    userinfo_endpoint: str | None
    says_who_answers: bool
    takes_basic: bool


def metadata_url(issuer: str) -> str:
    """Return where an issuer publishes about itself."""
    return f"{issuer.rstrip('/')}/.well-known/openid-configuration"


def read_metadata(answer: Answer, issuer: str) -> Metadata:
    """Return what an answer of the issuer's metadata address says.

    Raises:
        UnusableAnswer: it is of another issuer, leaves out what is needed, or names unsafe places.
    """
    told = answer.json_object()
    if told is None:
        raise UnusableAnswer("its metadata is no JSON object")
    if told.get("issuer") != issuer:
        raise UnusableAnswer("its metadata is of another issuer than OIDC_ISSUER, letter by letter")
    has_userinfo = told.get("userinfo_endpoint") is not None
    # What the standard takes to be so where nothing is said.
    methods = told.get("token_endpoint_auth_methods_supported") or ["client_secret_basic"]
    return Metadata(
        authorization_endpoint=_endpoint(told, "authorization_endpoint", issuer),
        token_endpoint=_endpoint(told, "token_endpoint", issuer),
        jwks_uri=_endpoint(told, "jwks_uri", issuer),
        userinfo_endpoint=_endpoint(told, "userinfo_endpoint", issuer) if has_userinfo else None,
        says_who_answers=told.get("authorization_response_iss_parameter_supported") is True,
        takes_basic="client_secret_basic" in methods,
    )


def _endpoint(told: dict[str, Any], name: str, issuer: str) -> str:
    url = told.get(name)
    if not isinstance(url, str) or not is_safe_url(url):
        raise UnusableAnswer(f"its metadata has no {name} that is an https URL")
    if issuer.startswith("https:") and not url.startswith("https:"):
        raise UnusableAnswer(f"its metadata has a {name} without https")
    return url
