"""How pages look to one reader, and in which zone: kept by the browser, and by nobody else."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from fastapi import Request

from app.web.looks import HUES, hue, initials, platform_name
from app.web.theme import Theme, theme_of
from app.web.zones import chosen_zone_of, zone_of
from tests.site.visitor import text_of

if TYPE_CHECKING:
    from tests.site.visitor import Visitor


def asked_with(cookies: str) -> Request:
    return Request({"type": "http", "headers": [(b"cookie", cookies.encode())]})


@pytest.mark.parametrize(
    ("cookies", "zone", "chosen"),
    [
        ("", "UTC", ""),
        ("chatlog_zone=Africa/Lagos", "Africa/Lagos", ""),
        ("chatlog_zone=Africa/Lagos; chatlog_chosen_zone=Asia/Kolkata", "Asia/Kolkata", "Asia/Kolkata"),
        ("chatlog_zone=Africa/Lagos; chatlog_chosen_zone=../../etc/passwd", "Africa/Lagos", ""),
        ("chatlog_zone=Africa", "UTC", ""),
        ("chatlog_zone=%00", "UTC", ""),
    ],
)
def test_the_readers_zone_is_the_chosen_one_or_the_browsers_or_utc(
    cookies: str, zone: str, chosen: str
) -> None:
    request = asked_with(cookies)

    assert (zone_of(request).key, chosen_zone_of(request)) == (zone, chosen)


@pytest.mark.parametrize(
    ("cookies", "theme"),
    [("", "system"), ("chatlog_theme=dark", "dark"), ("chatlog_theme=<script>", "system")],
)
def test_the_theme_is_the_chosen_one_or_the_systems(cookies: str, theme: str) -> None:
    assert theme_of(asked_with(cookies)) == Theme(theme)


async def test_what_is_chosen_is_kept_and_leads_back(visitor: Visitor) -> None:
    answer = await visitor.post("/appearance", theme="dark", zone="Asia/Kolkata", next="/sign-in?next=%2Fx")
    page = await visitor.get("/sign-in")
    choosing = await visitor.get("/appearance?next=/sign-in")
    again = await visitor.post("/appearance", zone="own", theme="neon", next="//evil.example")

    assert (answer.status_code, answer.headers["location"]) == (303, "/sign-in?next=%2Fx")
    assert 'data-theme="dark"' in page.text
    assert "Times Asia/Kolkata" in text_of(page)
    assert "<option selected>Asia/Kolkata</option>" in choosing.text
    assert again.headers["location"] == "/"
    assert "chatlog_chosen_zone" not in visitor.client.cookies
    assert visitor.client.cookies["chatlog_theme"] == "dark"


async def test_another_site_chooses_nothing(visitor: Visitor) -> None:
    answer = await visitor.client.post(
        "/appearance", data={"theme": "dark"}, headers={"Sec-Fetch-Site": "cross-site", "Accept": "text/html"}
    )

    assert answer.status_code == 403
    assert "set-cookie" not in answer.headers


@pytest.mark.parametrize(
    ("name", "letters"),
    [
        ("ana.b@example.org", "AB"),
        ("Ana Maria Silva", "AM"),
        ("4410030052", "4"),
        ("خديجة", "خ"),
        ("@example.org", "EO"),
        ("🙂", "?"),
        ("", "?"),
    ],
)
def test_somebody_is_drawn_by_their_first_letters(name: str, letters: str) -> None:
    assert initials(name) == letters


def test_a_colour_stays_with_its_key() -> None:
    assert hue("ana") == hue("ana")
    assert {hue(str(number)) for number in range(200)} == set(range(HUES))


@pytest.mark.parametrize(("platform", "name"), [("vrchat", "VRChat"), ("twitch", "Twitch")])
def test_a_platform_is_named_as_people_do(platform: str, name: str) -> None:
    assert platform_name(platform) == name
