"""Signing in by an identity provider: OpenID Connect, authorization code flow with PKCE.

`provider` is the whole of it. A module each: what one publishes (`metadata`, `discovery`), what browsers
bring back (`callback`), what is asked directly (`endpoints`), ID tokens, and sign-ins under way (`pending`).
Cookies are not for here.
"""

from app.access.openid.pending import PENDING_FOR_S, PendingSignIn, PendingSignIns
from app.access.openid.provider import CALLBACK_PATH, IdentityProvider, provider_named_by

__all__ = [
    "CALLBACK_PATH",
    "PENDING_FOR_S",
    "IdentityProvider",
    "PendingSignIn",
    "PendingSignIns",
    "provider_named_by",
]
