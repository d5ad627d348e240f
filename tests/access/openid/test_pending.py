"""Sign-ins under way: known again by every replica, in the browser that began them, and by nobody else."""

from __future__ import annotations

import base64
import json
import time
from datetime import UTC, datetime, timedelta

import jwt
import pytest

from app.access.openid import PENDING_FOR_S, PendingSignIn, PendingSignIns
from app.access.openid.pending import challenge_of

SECRET = "a secret of at least thirty-two characters"


def test_any_replica_knows_again_what_another_began() -> None:
    here, there = PendingSignIns(SECRET), PendingSignIns(SECRET)
    begun = here.begin("/surveys/export?survey_name=A")

    assert there.read(here.cookie_of(begun)) == begun
    assert there.nonce_of(begun) == here.nonce_of(begun)
    assert there.verifier_of(begun) == here.verifier_of(begun)


def test_no_two_sign_ins_have_anything_in_common() -> None:
    pending = PendingSignIns(SECRET)
    one, other = pending.begin("/"), pending.begin("/")

    values = {
        value
        for begun in (one, other)
        for value in (begun.state, pending.nonce_of(begun), pending.verifier_of(begun))
    }
    assert len(values) == 6


def test_the_cookie_holds_neither_nonce_nor_verifier() -> None:
    pending = PendingSignIns(SECRET)
    begun = pending.begin("/")

    payload = pending.cookie_of(begun).split(".")[1]
    content = base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)).decode()

    assert set(json.loads(content)) == {"jti", "back_to", "aud", "exp"}
    assert pending.nonce_of(begun) not in content
    assert pending.verifier_of(begun) not in content


def test_the_challenge_is_that_of_the_standard() -> None:
    # RFC 7636, appendix B.
    verifier = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"

    assert challenge_of(verifier) == "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"
    pending = PendingSignIns(SECRET)
    assert 43 <= len(pending.verifier_of(pending.begin("/"))) <= 128


@pytest.mark.parametrize(
    "wanted", ["https://evil.example/", "//evil.example", "/\\evil.example", "", "/" + "x" * 2000]
)
def test_what_is_no_path_of_ours_or_too_long_for_a_cookie_leads_to_the_first_page(wanted: str) -> None:
    assert PendingSignIns(SECRET).begin(wanted).back_to == "/"


def test_the_longest_path_fits_the_cookie_of_a_browser() -> None:
    pending = PendingSignIns(SECRET)

    assert len(pending.cookie_of(pending.begin("/" + "x" * 1999))) < 3800


def test_it_is_over_after_a_while() -> None:
    pending = PendingSignIns(SECRET)
    over = PendingSignIn("state", "/", datetime.now(UTC) - timedelta(seconds=1))

    assert pending.read(pending.cookie_of(over)) is None
    ends = pending.begin("/").ends.timestamp()
    assert ends == pytest.approx(time.time() + PENDING_FOR_S, abs=60)


def test_nobody_else_can_make_one() -> None:
    pending = PendingSignIns(SECRET)
    begun = pending.begin("/")
    claims = {"jti": "x", "back_to": "/", "aud": "chatlog-sign-in", "exp": time.time() + 60}
    others = [
        PendingSignIns("another secret of thirty-two characters").cookie_of(begun),
        jwt.encode(claims, SECRET, algorithm="HS256"),
        jwt.encode(claims, "", algorithm="none"),
        "nonsense",
        "",
    ]

    assert [pending.read(cookie) for cookie in others] == [None] * len(others)
