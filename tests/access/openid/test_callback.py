"""What a browser brings back from the identity provider: one table of what counts and what does not."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from app.access import ProviderUnavailable, SignInDenied, SignInRefused
from app.access.openid.callback import code_in
from app.access.openid.pending import PendingSignIn

ISSUER = "https://id.example/realm"
STATE = ("state", "of-this-browser")
CODE = ("code", "c0de")
ISS = ("iss", ISSUER)
PENDING = PendingSignIn("of-this-browser", "/", datetime(2026, 11, 30, tzinfo=UTC))


@pytest.mark.parametrize(
    ("query", "says_who_answers"),
    [
        pytest.param([CODE, STATE], False, id="the least"),
        pytest.param([CODE, STATE, ISS], False, id="with an issuer that nobody asked for"),
        pytest.param([ISS, STATE, CODE], True, id="with the issuer"),
        pytest.param([CODE, STATE, ("session_state", "x"), ("scope", "openid")], False, id="with more"),
    ],
)
def test_an_answer_to_what_this_browser_asked_has_a_code(
    query: list[tuple[str, str]], says_who_answers: bool
) -> None:
    assert code_in(query, PENDING, issuer=ISSUER, says_who_answers=says_who_answers) == "c0de"


@pytest.mark.parametrize(
    ("query", "reason"),
    [
        ([], "no state"),
        ([CODE], "no state"),
        ([CODE, ("state", "")], "not of this browser"),
        ([CODE, ("state", "of-another-browser")], "not of this browser"),
        ([CODE, ("state", "öf-this-browser")], "not of this browser"),
        ([CODE, STATE, STATE], "twice"),
        ([CODE, ("code", "another"), STATE], "twice"),
        ([CODE, STATE, ISS, ("iss", "https://evil.example")], "twice"),
        ([CODE, STATE, ("iss", "https://evil.example")], "another issuer"),
        ([CODE, STATE, ("iss", f"{ISSUER}/")], "another issuer"),
        ([CODE, STATE, ("iss", ISSUER.upper())], "another issuer"),
        ([CODE, STATE, ("iss", "")], "another issuer"),
        ([STATE], "no code"),
        ([STATE, ("code", "")], "no code"),
        ([STATE, ("code", "c" * 5000)], "no code"),
        # Not even an error counts that answers something else.
        ([("error", "access_denied"), ("state", "of-another-browser")], "not of this browser"),
        ([("error", "access_denied"), STATE, ("iss", "https://evil.example")], "another issuer"),
    ],
)
def test_any_other_answer_is_refused(query: list[tuple[str, str]], reason: str) -> None:
    with pytest.raises(SignInRefused) as refused:
        code_in(query, PENDING, issuer=ISSUER, says_who_answers=False)

    assert reason in refused.value.reason


def test_an_answer_without_its_issuer_is_refused_where_all_have_it() -> None:
    with pytest.raises(SignInRefused, match="cannot be accepted"):
        code_in([CODE, STATE], PENDING, issuer=ISSUER, says_who_answers=True)


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        ("access_denied", SignInDenied),
        ("login_required", SignInDenied),
        ("consent_required", SignInDenied),
        ("server_error", ProviderUnavailable),
        ("temporarily_unavailable", ProviderUnavailable),
        ("invalid_scope", ProviderUnavailable),
        ("unauthorized_client", ProviderUnavailable),
        ("<script>", ProviderUnavailable),
    ],
)
def test_an_error_counts_before_a_code_and_is_told_in_words_of_ours(
    error: str, kind: type[Exception]
) -> None:
    with pytest.raises(kind) as told:
        code_in([("error", error), CODE, STATE], PENDING, issuer=ISSUER, says_who_answers=False)

    assert error not in str(told.value)
    assert "script" not in getattr(told.value, "reason", "")
