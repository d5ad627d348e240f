"""ID tokens: what an identity provider says of who has signed in, and to whom it says so.

By OpenID Connect Core (3.1.3.7): the issuer's own key and exact name, made for this client alone, for this
very sign-in, and not over. The algorithm is fixed by the kind of key, as for bearer tokens.
"""

from __future__ import annotations

import hmac
from typing import TYPE_CHECKING, Any

import jwt

from app.access.errors import SignInRefused
from app.access.tokens import CLOCKS_DIFFER_S

if TYPE_CHECKING:
    from app.access.issuer_keys import IssuerKeys

_TOKEN_MAX = 32 * 1024


async def claims_of(
    token: str, keys: IssuerKeys, *, issuer: str, client_id: str, nonce: str
) -> dict[str, Any]:
    """Return the claims of a good ID token.

    Args:
        token: as the token endpoint gave it.
        keys: of the issuer.
        issuer: whose it must be.
        client_id: whom it must be made for.
        nonce: of the sign-in that it must end.

    Raises:
        SignInRefused: it is not; says which check it failed.
        KeysUnavailable: the issuer's key server does not answer.
    """
    try:
        header = jwt.get_unverified_header(token) if len(token) <= _TOKEN_MAX else {}
    except (jwt.PyJWTError, ValueError):
        raise SignInRefused("the ID token is no token") from None
    found = await keys.key_of(header)
    if found is None:
        raise SignInRefused("the ID token is not signed with a key of the issuer, by RS256 or ES256")
    key, algorithm = found
    try:
        claims = jwt.decode(
            token,
            key,
            algorithms=[algorithm],
            issuer=issuer,
            audience=client_id,
            leeway=CLOCKS_DIFFER_S,
            options={"require": ["exp", "iat", "iss", "aud", "sub", "nonce"], "verify_iat": False},
        )
    except jwt.PyJWTError as error:
        raise SignInRefused(f"the ID token fails a check: {type(error).__name__}") from None
    except ValueError:
        raise SignInRefused("the ID token holds what none can") from None
    _check_party(claims, client_id)
    if not hmac.compare_digest(str(claims["nonce"]).encode(), nonce.encode()):
        raise SignInRefused("the ID token is of another sign-in: its nonce differs")
    return claims


def _check_party(claims: dict[str, Any], client_id: str) -> None:
    """Make sure that a token made for several is not one that another of them asked for."""
    party = claims.get("azp")
    is_for_several = isinstance(claims["aud"], list) and len(claims["aud"]) > 1
    if (party is not None or is_for_several) and party != client_id:
        raise SignInRefused("the ID token was made at the request of another client: its azp differs")
