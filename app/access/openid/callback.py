"""What a browser brings back from the identity provider: which answers count. Pure."""

from __future__ import annotations

import hmac
from typing import TYPE_CHECKING

from app.access.errors import ProviderUnavailable, SignInDenied, SignInRefused

if TYPE_CHECKING:
    from collections.abc import Iterable

    from app.access.openid.pending import PendingSignIn

_RETRY_AFTER_S = 10
_CODE_MAX = 4096
#: By RFC 6749 (4.1.2.1): the provider has a problem of its own, which may pass.
_TEMPORARY = frozenset({"server_error", "temporarily_unavailable"})
#: By OpenID Connect Core (3.1.2.6) and RFC 6749: the person, or whoever decides about them, said no.
_DENIALS = frozenset(
    {
        "access_denied",
        "account_selection_required",
        "consent_required",
        "interaction_required",
        "login_required",
    }
)
#: By RFC 6749: something does not agree between its registration of us and our settings.
_OURS = frozenset({"invalid_request", "invalid_scope", "unauthorized_client", "unsupported_response_type"})


def code_in(
    query: Iterable[tuple[str, str]], pending: PendingSignIn, *, issuer: str, says_who_answers: bool
) -> str:
    """Return the code of an answer to a sign-in.

    Args:
        query: names and values of the address that the browser was sent to, in their order.
        pending: what this browser began.
        issuer: of the provider that it was sent to.
        says_who_answers: whether that provider names itself in each answer.

    Raises:
        SignInRefused: it is no answer to that, or of another issuer.
        SignInDenied: the provider said no.
        ProviderUnavailable: the provider has a problem of its own, or does not know us.
    """
    pairs = list(query)
    told = dict(pairs)
    if len(told) < len(pairs):
        raise SignInRefused("a parameter comes twice")
    if "state" not in told:
        raise SignInRefused("the answer has no state")
    if not hmac.compare_digest(told["state"].encode(), pending.state.encode()):
        raise SignInRefused("the state is not of this browser's sign-in")
    if "iss" in told and told["iss"] != issuer:
        raise SignInRefused("another issuer answers")
    if "iss" not in told and says_who_answers:
        raise SignInRefused("the answer does not name its issuer, as all of this provider do")
    if "error" in told:
        raise _error_of(told["error"])
    code = told.get("code", "")
    if not 0 < len(code) <= _CODE_MAX:
        raise SignInRefused("the answer has no code")
    return code


def _error_of(error: str) -> Exception:
    if error in _DENIALS:
        return SignInDenied("The identity provider did not let you in, or you did not agree to it.")
    if error in _TEMPORARY:
        return ProviderUnavailable("it says that it has a problem of its own", retry_after_s=_RETRY_AFTER_S)
    # Others are not quoted: anybody can make up an address.
    known = error if error in _OURS else "an error that the standard does not know"
    return ProviderUnavailable(
        f"it does not take our request ({known}): see what is registered for OIDC_CLIENT_ID",
        retry_after_s=_RETRY_AFTER_S,
    )
