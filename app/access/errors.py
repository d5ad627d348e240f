"""Why someone is not let in. None of these says what the token or cookie holds."""

from __future__ import annotations

from dataclasses import replace
from http import HTTPStatus

from app.errors import ANSWERS, AppError, ErrorAnswer, Words
from models.errors import MustAct


class AuthError(AppError):
    """A request is not answered because of who asks, or how."""

    must_act = MustAct.CALLER
    answer = ErrorAnswer(HTTPStatus.FORBIDDEN)


class NotSignedIn(AuthError):
    """There is no token and no session, or one that does not count; the message says which, for programs."""

    answer = ErrorAnswer(
        HTTPStatus.UNAUTHORIZED,
        words=Words(
            "Sign in first",
            "What is at this address is shown to its owner alone.",
            "Sign in, then open the address again.",
        ),
    )


class SignInNeeded(AuthError):
    """A page is asked for without a session: show the sign-in page, then this one.

    Attributes:
        back_to: the path to come back to; always one of our own.
    """

    answer = ErrorAnswer(HTTPStatus.SEE_OTHER)

    def __init__(self, back_to: str) -> None:
        super().__init__("Sign in to see this page.")
        self.back_to = back_to


class ShownElsewhere(AuthError):
    """What somebody asks for is nothing for them, but there is something at another address: go there.

    Attributes:
        address: where; always one of our own.
    """

    answer = ErrorAnswer(HTTPStatus.SEE_OTHER)

    def __init__(self, address: str) -> None:
        super().__init__(f"There is nothing for you here: go on to {address}.")
        self.address = address


class ForgedRequest(AuthError):
    """A write with a session that the session's own pages did not send (CSRF)."""

    answer = ErrorAnswer(
        HTTPStatus.FORBIDDEN,
        words=Words(
            "That was not sent by this page",
            "What arrived did not come from a page of yours, or from one that is out of date.",
            "Go back, load the page again, and repeat what you did.",
        ),
    )


class NotAllowed(AuthError):
    """Someone is signed in, and may not do what they know to be possible; the message says why not."""


class SignInRefused(AuthError):
    """What came back from the identity provider is out of date, forged, or meant for someone else.

    Attributes:
        reason: which check it failed, for the log; a constant text.
    """

    answer = ErrorAnswer(HTTPStatus.BAD_REQUEST)

    def __init__(self, reason: str) -> None:
        super().__init__(
            "This sign-in is out of date, or was not begun in this browser, or what the identity provider "
            "answered cannot be accepted."
        )
        self.reason = reason


class SignInDenied(AuthError):
    """The identity provider answers, and says no, or says nothing that one could be known by here."""


class IssuerUnavailable(AuthError):
    """A server that says who someone is does not answer: try again.

    Attributes:
        retry_after_s: when that may help.
    """

    must_act = MustAct.SERVICE
    answer = replace(ANSWERS[MustAct.SERVICE], says=None)

    def __init__(self, message: str, *, retry_after_s: int) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s
        self.answer = replace(self.answer, retry_after_s=retry_after_s)


class KeysUnavailable(IssuerUnavailable):
    """API_JWKS_URL does not answer, so nobody can say whether a token is good."""

    def __init__(self, *, retry_after_s: int) -> None:
        super().__init__(
            "The token cannot be checked, since its issuer's key server does not answer: "
            f"try again in {retry_after_s} s.",
            retry_after_s=retry_after_s,
        )


class ProviderUnavailable(IssuerUnavailable):
    """The identity provider does not answer, or not with what its role asks for.

    Attributes:
        reason: what it did instead, for the log.
    """

    def __init__(self, reason: str, *, retry_after_s: int) -> None:
        super().__init__(
            "The identity provider does not answer as it should, so nobody can sign in by it now: try again "
            f"in {retry_after_s} s. Who is signed in already stays so.",
            retry_after_s=retry_after_s,
        )
        self.reason = reason
