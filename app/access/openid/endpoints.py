"""What an identity provider is asked directly, not by the browser: tokens for a code, and who somebody is."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Any
from urllib.parse import quote_plus

from app.access.errors import ProviderUnavailable, SignInRefused
from app.access.foreign_servers import Answer, UnusableAnswer, ask

if TYPE_CHECKING:
    from collections.abc import Mapping

    from app.access.openid.metadata import Metadata

#: When a failed request to the provider may be worth repeating.
_RETRY_AFTER_S = 10


@dataclass(frozen=True, slots=True)
class Client:
    """As what we are registered at the provider.

    Attributes:
        issuer: the provider's name, an https URL, letter by letter as its tokens have it.
        id: what it calls us.
        secret: shows that it is us; None for a public client, which has PKCE alone.
        scopes: what we ask to be told of people, separated by spaces.
        redirect_uri: where it sends browsers back to.
    """

    issuer: str
    id: str
    secret: str | None
    scopes: str
    redirect_uri: str


async def redeem(code: str, client: Client, metadata: Metadata, *, verifier: str) -> dict[str, Any]:
    """Return what the token endpoint gives for a code (RFC 6749, 4.1.3).

    Args:
        code: as the browser brought it.
        client: as what we show ourselves.
        metadata: of the provider.
        verifier: shows that who redeems the code is who asked for it.

    Raises:
        SignInRefused: it does not take the code.
        ProviderUnavailable: it does not answer as it should, or does not know us.
    """
    form = {
        "grant_type": "authorization_code",
        "code": code,
        "redirect_uri": client.redirect_uri,
        "code_verifier": verifier,
    }
    headers = {"Accept": "application/json"}
    if client.secret is not None and metadata.takes_basic:
        headers["Authorization"] = _basic(client.id, client.secret)
    else:
        form["client_id"] = client.id
        if client.secret is not None:
            form["client_secret"] = client.secret
    answer = await _ask("token endpoint", metadata.token_endpoint, form=form, headers=headers)
    if answer.status == HTTPStatus.OK:
        return _object(answer, "token endpoint")
    if answer.status in {HTTPStatus.BAD_REQUEST, HTTPStatus.UNAUTHORIZED}:
        error = _object(answer, "token endpoint").get("error")
        if error == "invalid_grant":
            raise SignInRefused("the provider does not take the code: it is used, too old, or not ours")
        if error in {"invalid_client", "unauthorized_client"}:
            raise unusable("it does not know us: see OIDC_CLIENT_ID and OIDC_CLIENT_SECRET")
    raise unusable(f"its token endpoint answers with status {answer.status}")


async def userinfo(url: str, access_token: object, *, subject: str) -> dict[str, Any]:
    """Return what the userinfo endpoint tells of a person (OpenID Connect Core, 5.3).

    Args:
        url: where it is.
        access_token: what the token endpoint gave beside the ID token.
        subject: of the ID token; only what is told of that one counts.

    Raises:
        SignInRefused: it tells of somebody else.
        ProviderUnavailable: it does not answer as it should.
    """
    if not isinstance(access_token, str) or not access_token.isascii() or not access_token.isprintable():
        raise unusable("its token endpoint gives no access token")
    answer = await _ask("userinfo endpoint", url, headers={"Authorization": f"Bearer {access_token}"})
    if answer.status != HTTPStatus.OK:
        raise unusable(f"its userinfo endpoint answers with status {answer.status}")
    told = _object(answer, "userinfo endpoint")
    if told.get("sub") != subject:
        raise SignInRefused("the userinfo endpoint tells of somebody else")
    return told


def unusable(reason: str) -> ProviderUnavailable:
    """Return the error for a provider that does something else than its role asks for; `reason` says what."""
    return ProviderUnavailable(reason, retry_after_s=_RETRY_AFTER_S)


async def _ask(
    place: str, url: str, *, form: Mapping[str, str] | None = None, headers: Mapping[str, str]
) -> Answer:
    try:
        return await ask(url, form=form, headers=headers)
    except UnusableAnswer as error:
        raise unusable(f"its {place}: {error}") from None


def _object(answer: Answer, place: str) -> dict[str, Any]:
    told = answer.json_object()
    if told is None:
        raise unusable(f"its {place} answers with status {answer.status} and no JSON object")
    return told


def _basic(client_id: str, secret: str) -> str:
    """Return the header by which a client shows its secret (RFC 6749, 2.3.1)."""
    pair = f"{quote_plus(client_id)}:{quote_plus(secret)}"
    return f"Basic {base64.b64encode(pair.encode()).decode()}"
