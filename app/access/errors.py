"""Why someone is not let in. None of these says what the token or cookie holds."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from models.access import Action


class AuthError(Exception):
    """A request is not answered because of who asks, or how."""


class NotSignedIn(AuthError):
    """There is no token and no session, or one that does not count; the message says which, for people."""


class SignInNeeded(AuthError):
    """A page is asked for without a session: show the sign-in page, then this one.

    Attributes:
        back_to: the path to come back to; always one of our own.
    """

    def __init__(self, back_to: str) -> None:
        super().__init__("Sign in to see this page.")
        self.back_to = back_to


class ForgedRequest(AuthError):
    """A write with a session that the session's own pages did not send (CSRF)."""


class NotAllowed(AuthError):
    """Someone is signed in, and none of their roles lets them do this, whatever it is to be done with.

    Args:
        action: what they may not do.
    """

    def __init__(self, action: Action) -> None:
        super().__init__(
            f"None of your roles lets you do this ({action.value}): ask whoever looks after your account."
        )


class KeysUnavailable(AuthError):
    """API_JWKS_URL does not answer, so nobody can say whether a token is good: try again.

    Attributes:
        retry_after_s: when that may help.
    """

    def __init__(self, *, retry_after_s: int) -> None:
        super().__init__(
            "The token cannot be checked, since its issuer's key server does not answer: "
            f"try again in {retry_after_s} s."
        )
        self.retry_after_s = retry_after_s


class SignInRefused(AuthError):
    """What came back from the identity provider is out of date, forged, or meant for someone else.

    Attributes:
        reason: which check it failed, for the log; a constant text.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(
            "This sign-in is out of date, or was not begun in this browser, or what the identity provider "
            "answered cannot be accepted."
        )
        self.reason = reason


class SignInDenied(AuthError):
    """The identity provider answers, and says no, or says nothing that one could be known by here."""


class ProviderUnavailable(AuthError):
    """The identity provider does not answer, or not with what its role asks for.

    Attributes:
        reason: what it did instead, for the log.
        retry_after_s: when trying again may help.
    """

    def __init__(self, reason: str, *, retry_after_s: int) -> None:
        super().__init__(
            "The identity provider does not answer as it should, so nobody can sign in by it now: try again "
            f"in {retry_after_s} s. Who is signed in already stays so."
        )
        self.reason = reason
        self.retry_after_s = retry_after_s
