"""Signing in and out by the pages."""

from __future__ import annotations

from datetime import timedelta

import pytest
from pydantic import SecretStr

from app.access import SESSION_COOKIE, mint
from app.local.embedded import free_port
from models.access import Caller
from tests.services import changed
from tests.site.fixtures import serve
from tests.site.owners import ANA, SHARED_NAME
from tests.site.visitor import HEADERS, Visitor, text_of

TAB = "/surveys/export?survey_name=Baseline"


async def test_the_first_page_is_the_surveys(ana: Visitor) -> None:
    assert "<h1>Surveys" in (await ana.get("/surveys/list")).text


async def test_who_is_not_signed_in_signs_in_first_and_comes_back(visitor: Visitor) -> None:
    answer = await visitor.get(TAB)

    assert answer.status_code == 303
    page = await visitor.get(answer.headers["location"])
    assert 'name="next" value="/surveys/export?survey_name=Baseline"' in page.text
    assert (await visitor.sign_in(back_to=TAB)).headers["location"] == TAB
    assert SHARED_NAME in text_of(await visitor.get(TAB))


async def test_a_part_of_a_page_sends_the_whole_page_to_sign_in(visitor: Visitor) -> None:
    shown = {"HX-Request": "true", "HX-Current-URL": f"http://localhost:8000{TAB}"}

    answer = await visitor.get(TAB, **shown)

    assert answer.status_code == 204
    assert answer.headers["hx-redirect"] == "/sign-in?next=%2Fsurveys%2Fexport%3Fsurvey_name%3DBaseline"


@pytest.mark.parametrize("elsewhere", ["https://evil.example/", "//evil.example", "/\\evil.example"])
async def test_signing_in_never_leads_to_another_site(visitor: Visitor, elsewhere: str) -> None:
    assert (await visitor.sign_in(back_to=elsewhere)).headers["location"] == "/"


@pytest.mark.parametrize(
    ("lifetime", "spoil", "said"),
    [
        (timedelta(hours=1), "x", "The token is not accepted"),
        (timedelta(hours=-1), "", "The token has expired"),
    ],
)
async def test_a_bad_token_is_told_beside_its_field_and_not_shown_again(
    visitor: Visitor, lifetime: timedelta, spoil: str, said: str
) -> None:
    token = mint(visitor.settings.api, Caller(ANA), lifetime) + spoil

    answer = await visitor.post("/sign-in", token=token, next=TAB)

    assert answer.status_code == 401
    assert said in text_of(answer)
    assert 'aria-describedby="token-error"' in answer.text
    assert token not in answer.text
    assert SESSION_COOKIE not in visitor.client.cookies


async def test_no_token_is_told_as_well(visitor: Visitor) -> None:
    assert (await visitor.post("/sign-in")).status_code == 401


@pytest.mark.parametrize("sent", [{"Sec-Fetch-Site": "cross-site"}, {"Origin": "https://evil.example"}])
async def test_another_site_cannot_sign_a_visitor_in(visitor: Visitor, sent: dict[str, str]) -> None:
    token = mint(visitor.settings.api, Caller(ANA), timedelta(hours=1))

    answer = await visitor.client.post("/sign-in", data={"token": token}, headers=HEADERS | sent)

    assert answer.status_code == 403
    assert SESSION_COOKIE not in visitor.client.cookies
    assert "That was not sent by this page" in text_of(answer)


async def test_signing_out_ends_the_session_and_every_copy_of_its_cookie(ana: Visitor) -> None:
    copied = ana.client.cookies[SESSION_COOKIE]

    answer = await ana.submit("/sign-out")

    assert answer.headers["location"] == "/sign-in"
    assert SESSION_COOKIE not in ana.client.cookies
    ana.client.cookies.set(SESSION_COOKIE, copied)
    assert (await ana.get("/")).headers["location"].startswith("/sign-in")
    assert (await ana.client.get("/exports/status")).status_code == 401
    assert "You are signed in" not in text_of(await ana.get("/sign-in"))


async def test_who_is_signed_in_is_told_before_signing_in_again(ana: Visitor) -> None:
    assert f"You are signed in as {ANA}" in text_of(await ana.get("/sign-in"))


async def test_a_second_click_on_sign_out_is_no_mistake(ana: Visitor) -> None:
    token = await ana.csrf_token()

    answers = [await ana.post("/sign-out", csrf_token=token) for _ in range(2)]

    assert [answer.headers["location"] for answer in answers] == ["/sign-in", "/sign-in"]


async def test_signing_out_while_the_database_is_down_says_what_it_could_not_do(
    ana: Visitor,
) -> None:
    token, cookie = await ana.csrf_token(), ana.client.cookies[SESSION_COOKIE]
    nowhere = SecretStr(f"postgresql://u:p@127.0.0.1:{free_port()}/x")
    settings = changed(ana.settings, database_url=nowhere)
    async with serve(settings) as client:
        client.cookies.set(SESSION_COOKIE, cookie)
        meanwhile = Visitor(client, settings)

        page = await meanwhile.get("/")
        answer = await meanwhile.post("/sign-out", csrf_token=token)

        assert page.status_code == 503
        assert answer.status_code == 503
        assert "You are signed out in this browser. The server could not end the session" in text_of(answer)
        assert ANA not in answer.text
        assert answer.headers["set-cookie"].startswith(f'{SESSION_COOKIE}=""')


async def test_a_sign_out_that_no_page_of_ours_sent_changes_nothing(ana: Visitor) -> None:
    for headers in ({}, {"Sec-Fetch-Site": "cross-site"}):
        answer = await ana.client.post("/sign-out", data={"csrf_token": "0" * 64}, headers=HEADERS | headers)
        assert answer.status_code == 403

    assert (await ana.get("/")).status_code == 200
