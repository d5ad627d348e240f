"""Whom claims name, and what is made of claims that are odd."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.access import NotSignedIn
from app.access.claims import ClaimNames, caller_of, claims_of
from app.access.sessions import Sessions
from models.access import DEFAULT_TENANT, Caller, CallerRole
from models.owners import instead_of_address, owner_address
from tests.access.signing import EMAIL, settings_of

if TYPE_CHECKING:
    from collections.abc import Mapping

NAMES = ClaimNames.of(settings_of().api)
words = st.text(st.characters(categories=["L", "N"], include_characters=":-_/ "), min_size=1, max_size=30)
ids = st.text(st.characters(categories=["L", "N", "P", "S"]), min_size=1, max_size=30)
people = st.one_of(
    st.builds(lambda email: {"email": email}, st.emails().map(owner_address)),
    st.builds(lambda email, user: {"email": email, "id": user}, st.emails().map(owner_address), ids),
    ids.map(lambda user: {"email": instead_of_address(user), "id": user}),
)
callers = st.builds(
    lambda person, **rest: Caller(**person, **rest),
    people,
    tenant=words,
    roles=st.frozensets(st.sampled_from(CallerRole), min_size=1),
    # A learner without one has their own.
    scope=st.frozensets(words.map("learner:{}".format), min_size=1, max_size=5),
)


def named(claims: Mapping[str, Any], **names: str) -> Caller:
    settings = settings_of(**{f"api_jwt_{kind}_claim": name for kind, name in names.items()})
    return caller_of({"email": EMAIL, **claims}, ClaimNames.of(settings.api))


def test_a_token_that_says_nothing_more_is_an_owners_of_the_default_tenant() -> None:
    assert named({}) == Caller(EMAIL, DEFAULT_TENANT, frozenset({CallerRole.OWNER}), frozenset())
    assert named({"tenant": None, "roles": None, "scope": None}) == named({})


def test_a_token_says_tenant_roles_and_scope() -> None:
    said = named({"tenant": "acme", "roles": ["operator", "moderator"], "scope": ["survey:My survey"]})
    assert said == Caller(
        EMAIL, "acme", frozenset({CallerRole.OPERATOR, CallerRole.MODERATOR}), frozenset({"survey:My survey"})
    )


@pytest.mark.parametrize(
    ("claims", "name"),
    [
        ({"roles": "admin  compliance"}, "roles"),
        ({"realm_access": {"roles": ["admin", "compliance"]}}, "realm_access.roles"),
        ({"https://example.org/roles": ["compliance", "admin"]}, "https://example.org/roles"),
        ({"a.b": "admin compliance", "a": {"b": "owner"}}, "a.b"),
    ],
)
def test_roles_are_a_list_or_a_text_in_a_claim_or_at_a_path(claims: Mapping[str, Any], name: str) -> None:
    assert named(claims, roles=name).roles == {CallerRole.ADMIN, CallerRole.COMPLIANCE}


@pytest.mark.parametrize(
    ("claims", "roles"),
    [
        ({"roles": ["offline_access", "operator", "uma_authorization"]}, {CallerRole.OPERATOR}),
        ({"roles": ["offline_access"]}, {CallerRole.OWNER}),
        ({"roles": []}, {CallerRole.OWNER}),
        ({"roles": ["Admin", "administrator", " admin"]}, {CallerRole.OWNER}),
        ({"roles": {"admin": True}}, {CallerRole.OWNER}),
        ({"roles": ["admin", 7]}, {CallerRole.OWNER}),
        ({"roles": 7}, {CallerRole.OWNER}),
    ],
)
def test_roles_of_others_are_none_of_ours(claims: Mapping[str, Any], roles: set[CallerRole]) -> None:
    assert named(claims).roles == roles


@pytest.mark.parametrize("claims", [{"realm_access": "admin"}, {"realm_access": None}, {"realm_access": {}}])
def test_a_path_that_leads_nowhere_names_no_role(claims: Mapping[str, Any]) -> None:
    assert named(claims, roles="realm_access.roles").roles == {CallerRole.OWNER}


def test_what_openid_connect_calls_scopes_narrows_nobody() -> None:
    assert named({"scope": "openid email profile"}).scope == frozenset()
    assert named({"scope": "openid learner:7 survey:Baseline"}).scope == {"learner:7", "survey:Baseline"}


def test_any_other_scope_narrows_also_one_that_is_not_known_here() -> None:
    assert named({"scope": "read:users everything"}).scope == {"read:users", "everything"}


def test_learners_join_the_scope() -> None:
    assert named({"learner_scope": ["456", "a b"]}).scope == {"learner:456", "learner:a b"}
    assert named({"learner_scope": "456 457", "scope": "openid survey:Baseline"}).scope == {
        "learner:456",
        "learner:457",
        "survey:Baseline",
    }
    assert named({"of": {"learners": ["456"]}}, learner="of.learners").scope == {"learner:456"}


@pytest.mark.parametrize(
    ("claims", "scope"),
    [
        ({"roles": "learner", "sub": "Ab-456"}, {"learner:Ab-456"}),
        ({"roles": "learner"}, {f"learner:{EMAIL}"}),
        ({"roles": "learner", "sub": "456", "scope": "chat:read"}, {"chat:read", "learner:456"}),
        ({"roles": "learner", "sub": "456", "learner_scope": ["457"]}, {"learner:457"}),
        ({"roles": "learner parent", "sub": "456"}, set()),
        ({"roles": "parent", "sub": "456"}, set()),
        ({"roles": "owner", "sub": "456"}, set()),
    ],
)
def test_a_learner_who_names_none_has_their_own_threads(claims: Mapping[str, Any], scope: set[str]) -> None:
    assert named(claims).scope == scope


def test_somebody_is_known_by_their_issuers_id() -> None:
    assert named({"sub": "User-456"}) == Caller(EMAIL, id="User-456")
    assert named({"uid": "7", "sub": "User-456"}, user="uid").id == "7"
    for none in (None, "", " ", 7, "a" * 300, "a\0"):
        assert named({"sub": none}).id == EMAIL


def test_somebody_without_an_address_is_known_by_their_id_alone() -> None:
    def nobody(**claims: Any) -> Caller:
        return named({"email": None, **claims})

    assert nobody(sub="user-456") == Caller("sub:user-456", id="user-456")
    assert nobody(sub="456", email_verified=False).id == "456", "there is no address to verify"
    emails = {nobody(sub=user).email for user in ("Ab", "aB", "ab", "AB", "%41b", "ﬁ", "fi")}
    assert len({owner_address(email) for email in emails}) == 7
    for unknown in ({}, {"sub": ""}, {"sub": "\ud800"}, {"sub": "ß" * 200}):
        with pytest.raises(NotSignedIn, match="names nobody"):
            nobody(**unknown)


@pytest.mark.parametrize("claims", [{"email": "sub:456"}, {"email": " Sub:456", "sub": "457"}])
def test_no_address_is_what_stands_for_somebody_without_one(claims: Mapping[str, Any]) -> None:
    with pytest.raises(NotSignedIn):
        named(claims)


def test_the_tenant_is_looked_for_at_one_more_place_where_no_setting_says_where() -> None:
    assert named({"tenant_id": "tenant-123"}).tenant == "tenant-123"
    assert named({"tenant_id": "tenant-123", "tenant": "acme"}).tenant == "acme"
    assert named({"tenant_id": "tenant-123"}, tenant="org").tenant == DEFAULT_TENANT
    with pytest.raises(NotSignedIn):
        named({"tenant_id": 7})


@pytest.mark.parametrize(
    "claims",
    [
        {"learner_scope": 7},
        {"learner_scope": [456]},
        {"learner_scope": {"456": True}},
        {"learner_scope": ["a\0b"]},
        {"learner_scope": ["456", ""]},
        {"scope": "learner:"},
        {"tenant": ""},
        {"tenant": ["acme"]},
        {"tenant": 7},
        {"tenant": "a" * 300},
        {"tenant": "acme\n"},
        {"scope": {"learner": 7}},
        {"scope": 7},
        {"scope": ["learner:7", 8]},
        {"scope": ["survey:a\0b"]},
        {"scope": ["survey:\ud800"]},
    ],
)
def test_a_tenant_or_a_scope_that_cannot_be_read_is_no_reason_to_go_without(
    claims: Mapping[str, Any],
) -> None:
    with pytest.raises(NotSignedIn):
        named(claims)


@given(callers)
def test_a_caller_comes_back_from_a_token_as_they_were(caller: Caller) -> None:
    assert caller_of(claims_of(caller, NAMES), NAMES) == caller


@given(callers)
def test_a_caller_comes_back_from_a_session_as_they_were(caller: Caller) -> None:
    sessions = Sessions(settings_of().api)
    session = sessions.read(sessions.begin(caller))
    assert session is not None
    assert session.caller == caller


def test_nobody_is_signed_in_with_a_cookie_that_browsers_would_drop() -> None:
    many = Caller(EMAIL, scope=frozenset(f"learner:{number}" for number in range(1000)))
    with pytest.raises(NotSignedIn, match="too long for the pages"):
        Sessions(settings_of().api).begin(many)
