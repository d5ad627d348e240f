"""Signing in by an identity provider that speaks the real protocol, from a process of its own."""

from __future__ import annotations

import asyncio
import functools
import logging
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

import pytest

from app.access import PENDING_COOKIE, SESSION_COOKIE, foreign_servers
from app.access.openid import discovery
from models.access import Caller, CallerRole
from tests import services
from tests.access.signing import SECRET, settings_of
from tests.identity_provider.behaviour import PUBLIC_CLIENT, Trick
from tests.identity_provider.id_tokens import id_of
from tests.identity_provider.process import identity_provider
from tests.sign_in.provider import let_in, replica, settings_for
from tests.site.visitor import text_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from app.settings import Settings
    from tests.identity_provider.process import IdentityProviderProcess

ANA = "ana@example.org"
EVE = "eve@example.org"
TAB = "/surveys/export?survey_name=a%20%2F%20b&page=2"


@pytest.fixture(scope="module")
def database(postgres: str, migrated_database: str) -> Iterator[str]:
    """A database with our tables, for all tests here: no sign-in is another's."""
    with services.fresh_database(postgres, like=migrated_database) as url:
        yield url


@pytest.fixture(scope="module")
def started_provider() -> Iterator[IdentityProviderProcess]:
    with identity_provider() as started:
        yield started


@pytest.fixture
def provider(started_provider: IdentityProviderProcess) -> IdentityProviderProcess:
    """The provider, which behaves well until a test says otherwise."""
    started_provider.behave()
    return started_provider


@pytest.fixture
def build(database: str, provider: IdentityProviderProcess) -> Callable[..., Settings]:
    """Builds settings with that database and that provider."""
    return functools.partial(settings_for, provider, database_url=database)


@pytest.fixture
def short_patience(monkeypatch: pytest.MonkeyPatch) -> Callable[[Trick], None]:
    """Waits less for a provider that is slow on purpose; any other has the time of a busy machine."""

    def shorten(trick: Trick) -> None:
        if "slow" in trick.value:
            monkeypatch.setattr(foreign_servers, "ANSWER_WITHIN_S", 0.3)

    return shorten


async def test_whoever_the_provider_lets_in_is_signed_in_and_where_they_wanted_to_be(
    build: Callable[..., Settings],
) -> None:
    async with replica(build()) as browser:
        answer = await browser.sign_in_by_provider(" Ana@Example.org", TAB)

        assert (answer.status_code, answer.headers["location"]) == (303, TAB)
        assert browser.caller == known(ANA)
        assert PENDING_COOKIE not in browser.client.cookies


async def test_the_provider_is_asked_for_a_code_by_pkce_and_told_no_secret(
    build: Callable[..., Settings],
) -> None:
    settings = build(oidc_scopes="openid email groups")
    async with replica(settings) as browser:
        asked = {name: values[0] for name, values in parse_qs(urlsplit(await browser.begin()).query).items()}

    assert asked.keys() == {
        "response_type",
        "client_id",
        "redirect_uri",
        "scope",
        "state",
        "nonce",
        "code_challenge",
        "code_challenge_method",
    }
    assert asked["response_type"] == "code"
    assert asked["redirect_uri"] == "http://localhost:8000/sign-in/callback"
    assert asked["scope"] == "openid email groups"
    assert asked["code_challenge_method"] == "S256"


async def test_roles_and_tenant_are_those_of_the_claims_that_tokens_have_them_in(
    provider: IdentityProviderProcess, build: Callable[..., Settings]
) -> None:
    provider.behave(claims={"realm_access": {"roles": ["operator", "admin", "baker"]}, "org": "north"})
    settings = build(api_jwt_roles_claim="realm_access.roles", api_jwt_tenant_claim="org")
    async with replica(settings) as browser:
        await browser.sign_in_by_provider(ANA)

        assert browser.caller == known(
            ANA, tenant="north", roles=frozenset({CallerRole.OPERATOR, CallerRole.ADMIN})
        )


@pytest.mark.parametrize("algorithm", ["RS256", "ES256"])
@pytest.mark.parametrize(
    ("client", "authentication"),
    [
        ({}, "client_secret_basic"),
        ({}, "client_secret_post"),
        ({"oidc_client_id": PUBLIC_CLIENT, "oidc_client_secret": None}, "client_secret_basic"),
    ],
    ids=["basic", "post", "public"],
)
async def test_every_usual_kind_of_client_and_key_works(
    provider: IdentityProviderProcess,
    build: Callable[..., Settings],
    client: dict[str, object],
    authentication: str,
    algorithm: str,
) -> None:
    provider.behave(client_authentication=authentication, algorithm=algorithm)
    async with replica(build(**client)) as browser:
        await browser.sign_in_by_provider(ANA)

        assert browser.caller == known(ANA)


async def test_what_the_id_token_leaves_out_is_asked_for(
    provider: IdentityProviderProcess, build: Callable[..., Settings]
) -> None:
    async with replica(build()) as browser:
        await browser.sign_in_by_provider(ANA)
        assert "GET /userinfo" not in provider.asked()

        provider.behave(without=["email"])
        await browser.sign_in_by_provider(EVE)

        assert "GET /userinfo" in provider.asked()
        assert browser.caller == known(EVE)


async def test_keys_that_the_provider_changes_are_good_at_once(
    provider: IdentityProviderProcess, build: Callable[..., Settings], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.access.issuer_keys.ASK_AGAIN_AFTER_S", 0)
    async with replica(build()) as browser:
        await browser.sign_in_by_provider(ANA)
        provider.behave(generation=2)

        await browser.sign_in_by_provider(EVE)

        assert browser.caller == known(EVE)


def known(email: str, **rest: Any) -> Caller:
    """Return whom the provider lets in: it has an id of its own for them."""
    return Caller(email, id=id_of(email), **rest)


def refusals(caplog: pytest.LogCaptureFixture) -> list[str]:
    """Return why nobody was signed in, as the log tells."""
    told = [record.__dict__ for record in caplog.records if record.message.startswith("Nobody is signed in")]
    return [fields["error"] for fields in told]


#: What a person is told, beside the status.
FORGED = "This sign-in is out of date, or was not begun in this browser"
DENIED = "The identity provider did not let you in"
UNKNOWN = "The identity provider let you in, but"
AWAY = "The identity provider does not answer as it should"

#: What it does wrong: the status, what a person is told, and the check that it fails, as the log tells.
_REFUSED = {
    Trick.WRONG_NONCE: (400, FORGED, "its nonce differs"),
    Trick.NO_NONCE: (400, FORGED, "MissingRequiredClaimError"),
    Trick.WRONG_AUDIENCE: (400, FORGED, "InvalidAudienceError"),
    Trick.SECOND_AUDIENCE: (400, FORGED, "its azp differs"),
    Trick.WRONG_PARTY: (400, FORGED, "its azp differs"),
    Trick.WRONG_ISSUER: (400, FORGED, "InvalidIssuerError"),
    Trick.ISSUER_WITH_SLASH: (400, FORGED, "InvalidIssuerError"),
    Trick.EXPIRED: (400, FORGED, "ExpiredSignatureError"),
    Trick.NO_EXPIRY: (400, FORGED, "MissingRequiredClaimError"),
    Trick.NO_SUBJECT: (400, FORGED, "MissingRequiredClaimError"),
    Trick.ALG_NONE: (400, FORGED, "not signed with a key of the issuer"),
    Trick.HS256_WITH_PUBLIC_KEY: (400, FORGED, "not signed with a key of the issuer"),
    Trick.HS256_WITH_CLIENT_SECRET: (400, FORGED, "not signed with a key of the issuer"),
    Trick.UNKNOWN_KEY: (400, FORGED, "not signed with a key of the issuer"),
    Trick.FOREIGN_KEY_UNDER_KNOWN_NAME: (400, FORGED, "InvalidSignatureError"),
    Trick.ALTERED_AFTER_SIGNING: (400, FORGED, "InvalidSignatureError"),
    Trick.NOT_A_TOKEN: (400, FORGED, "no token"),
    Trick.ANOTHER_ISSUER_ANSWERS: (400, FORGED, "another issuer answers"),
    Trick.NO_ISSUER_IN_ANSWER: (400, FORGED, "does not name its issuer"),
    Trick.NO_STATE: (400, FORGED, "no state"),
    Trick.WRONG_STATE: (400, FORGED, "the state is not of this browser's sign-in"),
    Trick.STATE_TWICE: (400, FORGED, "a parameter comes twice"),
    Trick.NO_CODE: (400, FORGED, "no code"),
    Trick.UNVERIFIED_EMAIL: (403, UNKNOWN, None),
    Trick.DENIES: (403, DENIED, None),
    Trick.HAS_AN_ERROR: (503, AWAY, "a problem of its own"),
    Trick.HAS_A_SCRIPT_FOR_ERROR: (503, AWAY, "an error that the standard does not know"),
    Trick.NO_ID_TOKEN: (503, AWAY, "gives no ID token"),
    Trick.TOKENS_HUGE: (503, AWAY, "more than 262144 bytes"),
    Trick.TOKENS_SLOW: (503, AWAY, "its token endpoint: it does not answer within"),
    Trick.TOKENS_DOWN: (503, AWAY, "its token endpoint answers with status 503"),
    Trick.TOKENS_ELSEWHERE: (503, AWAY, "its token endpoint answers with status 307"),
    Trick.TOKENS_NO_JSON: (503, AWAY, "no JSON object"),
    Trick.KEYS_DOWN: (503, AWAY, "its key server does not answer"),
    Trick.KEYS_SLOW: (503, AWAY, "its key server does not answer"),
}


@pytest.mark.parametrize("trick", _REFUSED, ids=[trick.value for trick in _REFUSED])
async def test_a_provider_that_does_wrong_signs_nobody_in(
    provider: IdentityProviderProcess,
    build: Callable[..., Settings],
    trick: Trick,
    short_patience: Callable[[Trick], None],
    caplog: pytest.LogCaptureFixture,
) -> None:
    status, said, logged = _REFUSED[trick]
    short_patience(trick)
    async with replica(build()) as browser:
        address = await browser.begin(TAB)
        provider.behave(trick=trick)
        callback = await let_in(address, ANA)

        answer = await browser.come_back(callback)
        provider.behave()

        assert answer.status_code == status
        assert said in text_of(answer)
        assert ("retry-after" in answer.headers) is (status == 503)
        assert SESSION_COOKIE not in browser.client.cookies
        assert "<script>" not in answer.text
        codes = parse_qs(urlsplit(callback).query).get("code", [])
        assert not [code for code in codes if code in answer.text]
        # What to do is a button on the page, and leads to where they wanted to be.
        assert 'href="/sign-in/provider?next=%2Fsurveys%2Fexport' in answer.text
    if logged:
        assert logged in refusals(caplog)[0]


@pytest.mark.parametrize(("trick", "status"), [(Trick.USERINFO_OF_ANOTHER, 400), (Trick.USERINFO_DOWN, 503)])
async def test_what_is_told_beside_the_id_token_must_be_of_the_same_person(
    provider: IdentityProviderProcess, build: Callable[..., Settings], trick: Trick, status: int
) -> None:
    provider.behave(trick=trick, without=["email"])
    async with replica(build()) as browser:
        answer = await browser.sign_in_by_provider(ANA)

        assert answer.status_code == status
        assert browser.caller is None


async def test_whoever_has_no_address_at_the_provider_is_known_by_its_id(
    provider: IdentityProviderProcess, build: Callable[..., Settings]
) -> None:
    provider.behave(claims={"email": None})
    async with replica(build()) as browser:
        await browser.sign_in_by_provider(ANA)

        assert "GET /userinfo" in provider.asked()
        assert browser.caller == Caller(f"sub:{id_of(ANA)}", id=id_of(ANA))


@pytest.mark.parametrize("wrong", [{"oidc_client_secret": "another"}, {"oidc_client_id": PUBLIC_CLIENT}])
async def test_a_provider_that_does_not_know_us_is_told_to_the_log(
    build: Callable[..., Settings], wrong: dict[str, object], caplog: pytest.LogCaptureFixture
) -> None:
    async with replica(build(**wrong)) as browser:
        answer = await browser.sign_in_by_provider(ANA)

        assert answer.status_code == 503
        assert browser.caller is None
    told = [record.__dict__.get("error") for record in caplog.records]
    assert "it does not know us: see OIDC_CLIENT_ID and OIDC_CLIENT_SECRET" in told


async def test_a_code_counts_once_even_for_a_provider_that_takes_it_again(
    provider: IdentityProviderProcess, build: Callable[..., Settings]
) -> None:
    provider.behave(trick=Trick.TAKES_CODES_AGAIN)
    async with replica(build()) as browser, replica(build()) as elsewhere:
        callback = await let_in(await browser.begin(), ANA)
        # Whoever has the cookie as well as the address.
        elsewhere.client.cookies.update(browser.client.cookies)
        first = await browser.come_back(callback)

        again = await elsewhere.come_back(callback)

        assert (first.status_code, again.status_code) == (303, 400)
        assert elsewhere.caller is None
        assert provider.asked().count("POST /token") == 1


async def test_an_answer_that_comes_twice_at_once_counts_once(
    provider: IdentityProviderProcess, build: Callable[..., Settings]
) -> None:
    provider.behave(trick=Trick.TAKES_CODES_AGAIN)
    async with replica(build()) as browser:
        callback = await let_in(await browser.begin(), ANA)

        answers = await asyncio.gather(*(browser.come_back(callback) for _ in range(5)))

        assert sorted(answer.status_code for answer in answers) == [303, 400, 400, 400, 400]


async def test_coming_back_again_later_changes_nothing(build: Callable[..., Settings]) -> None:
    async with replica(build()) as browser:
        callback = await let_in(await browser.begin(), ANA)
        await browser.come_back(callback)

        again = await browser.come_back(callback)

        assert again.status_code == 400
        assert f"You are signed in as {ANA}" in text_of(again)


async def test_nobody_is_made_to_work_in_the_account_of_another(build: Callable[..., Settings]) -> None:
    """Eve has her own answer opened in Ana's browser (CSRF on signing in)."""
    async with replica(build()) as eve:
        hers = await let_in(await eve.begin(), EVE)
        ana = eve.another()

        without_any = await ana.come_back(hers)
        his = await ana.begin()
        with_her_own = await ana.come_back(hers)

        assert (without_any.status_code, with_her_own.status_code) == (400, 400)
        assert ana.caller is None
        # And what Ana began herself is not spoilt by that.
        await ana.come_back(await let_in(his, ANA))
        assert ana.caller == known(ANA)


@pytest.mark.parametrize(
    ("trick", "logged"),
    [(None, "the provider does not take the code"), (Trick.TAKES_ANY_VERIFIER, "its nonce differs")],
    ids=["PKCE", "nonce"],
)
async def test_a_code_that_was_stolen_is_worth_nothing_in_another_browser(
    provider: IdentityProviderProcess,
    build: Callable[..., Settings],
    trick: Trick | None,
    logged: str,
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with replica(build()) as ana:
        stolen = parse_qs(urlsplit(await let_in(await ana.begin(), ANA)).query)["code"][0]
        eve = ana.another()
        hers = await let_in(await eve.begin(), EVE)
        provider.behave(trick=trick)

        parts = urlsplit(hers)
        own = parse_qs(parts.query)["code"][0]
        answer = await eve.come_back(hers.replace(own, stolen))

        assert answer.status_code == 400
        assert eve.caller is None
    assert logged in refusals(caplog)[0]


@pytest.mark.parametrize(
    "elsewhere", ["https://evil.example/", "//evil.example", "/\\evil.example", "/\t/evil.example"]
)
async def test_signing_in_never_leads_to_another_site(build: Callable[..., Settings], elsewhere: str) -> None:
    async with replica(build()) as browser:
        answer = await browser.sign_in_by_provider(ANA, elsewhere)

    assert answer.headers["location"] == "/"


async def test_signing_in_anew_ends_the_session_before(build: Callable[..., Settings]) -> None:
    async with replica(build()) as browser:
        await browser.sign_in_by_provider(EVE)
        thief = browser.another()
        thief.client.cookies.set(SESSION_COOKIE, browser.client.cookies[SESSION_COOKIE])

        await browser.sign_in_by_provider(ANA)

        assert browser.caller == known(ANA)
        assert "You are signed in" not in text_of(await thief.get("/sign-in"))


async def test_one_replica_ends_what_another_began(build: Callable[..., Settings]) -> None:
    async with replica(build()) as here, replica(build()) as there:
        address = await here.begin(TAB)
        there.client.cookies = here.client.cookies

        answer = await there.come_back(await let_in(address, ANA))

        assert answer.headers["location"] == TAB
        assert there.caller == known(ANA)


@pytest.mark.parametrize(("public_url", "is_secure"), [("https://chat.example", True), (None, False)])
async def test_what_the_browser_carries_meanwhile_is_out_of_reach_for_scripts_and_other_sites(
    build: Callable[..., Settings], public_url: str | None, is_secure: bool
) -> None:
    settings = build(**({"api_public_url": public_url} if public_url else {}))
    async with replica(settings) as browser:
        answer = await browser.client.get("/sign-in/provider")

    cookie = answer.headers["set-cookie"].lower()
    assert cookie.startswith(f"{PENDING_COOKIE}=")
    assert "httponly" in cookie
    assert "samesite=lax" in cookie
    assert "path=/sign-in" in cookie
    assert "domain" not in cookie
    assert "max-age=900" in cookie
    assert ("secure" in cookie) is is_secure


_AWAY = [
    Trick.METADATA_DOWN,
    Trick.METADATA_SLOW,
    Trick.METADATA_HUGE,
    Trick.METADATA_NESTED,
    Trick.METADATA_ELSEWHERE,
    Trick.METADATA_OF_ANOTHER,
    Trick.METADATA_WITHOUT_HTTPS,
]


@pytest.mark.parametrize("trick", _AWAY, ids=[trick.value for trick in _AWAY])
async def test_a_provider_that_is_away_is_asked_once_and_all_who_come_are_told(
    provider: IdentityProviderProcess,
    build: Callable[..., Settings],
    trick: Trick,
    short_patience: Callable[[Trick], None],
) -> None:
    short_patience(trick)
    provider.behave(trick=trick)
    async with replica(build()) as browser:
        page = await browser.get("/sign-in")
        answers = await asyncio.gather(*(browser.get("/sign-in/provider") for _ in range(5)))
        late = await browser.get("/sign-in/provider")

        assert page.status_code == 200
        for answer in (*answers, late):
            assert answer.status_code == 503
            assert AWAY in text_of(answer)
            assert 1 <= int(answer.headers["retry-after"]) <= 10
        assert PENDING_COOKIE not in browser.client.cookies
        assert len(provider.asked()) == 1


async def test_a_provider_that_is_back_is_used_again_by_itself(
    provider: IdentityProviderProcess, build: Callable[..., Settings], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(discovery, "TRY_AGAIN_AFTER_S", 0)
    provider.behave(trick=Trick.METADATA_DOWN)
    async with replica(build()) as browser:
        assert (await browser.get("/sign-in/provider")).status_code == 503

        provider.behave()
        await browser.sign_in_by_provider(ANA)

        assert browser.caller == known(ANA)


async def test_its_metadata_counts_on_while_a_provider_is_away(
    provider: IdentityProviderProcess, build: Callable[..., Settings], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(discovery, "GOOD_FOR_S", 0)
    async with replica(build()) as browser:
        await browser.begin()
        provider.behave(trick=Trick.METADATA_DOWN)

        await browser.begin()
        await browser.begin()

        assert provider.asked() == ["GET /.well-known/openid-configuration"]


async def test_no_code_token_or_secret_is_in_the_log(
    build: Callable[..., Settings], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    async with replica(build()) as browser:
        callback = await let_in(await browser.begin(), ANA)
        caplog.clear()
        await browser.come_back(callback)
        await browser.come_back(callback)

    # What asks is in this process as well, and says what it asked.
    told = [str(record.__dict__) for record in caplog.records if record.name.startswith("app.")]
    query = parse_qs(urlsplit(callback).query)
    assert told
    for secret in (query["code"][0], query["state"][0], ANA):
        assert not [line for line in told if secret in line]


async def test_the_page_offers_what_there_is(build: Callable[..., Settings]) -> None:
    button = "Sign in with 127.0.0.1"
    async with replica(build()) as by_provider, replica(build(api_jwt_secret=SECRET)) as by_both:
        alone = text_of(await by_provider.get(f"/sign-in?next={TAB}"))
        both = text_of(await by_both.get("/sign-in"))

    assert button in alone
    assert "Token" not in alone
    assert button in both
    assert "Use a token" in both


async def test_without_a_provider_there_is_no_way_to_one(database: str) -> None:
    async with replica(settings_of(database_url=database)) as browser:
        assert "Sign in with" not in text_of(await browser.get("/sign-in"))
        for address in ("/sign-in/provider", "/sign-in/callback?code=a&state=b"):
            assert (await browser.get(address)).status_code == 404


async def test_without_the_database_nobody_is_signed_in(build: Callable[..., Settings]) -> None:
    nowhere = build(database_url="postgresql://u:p@127.0.0.1:9/x")
    async with replica(nowhere) as browser:
        answer = await browser.sign_in_by_provider(ANA)

        assert answer.status_code == 503
        assert browser.caller is None
