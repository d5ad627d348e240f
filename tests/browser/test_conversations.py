"""Reading conversations at a browser: found by clicks, as they happen, however long, whatever people say."""

from __future__ import annotations

import json
import secrets
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Literal

import pytest
from playwright.async_api import expect

from app.access import mint
from app.postgres.connections import connect
from app.web import addresses
from models.access import Caller, CallerRole
from tests.browser.reader import Reader
from tests.browser.test_appearance import problems_of
from tests.site.talks import Writer, dialogue, room

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path
    from uuid import UUID

    from playwright.async_api import Browser, Page

    from tests.browser.site import Owner, Site

pytestmark = pytest.mark.timeout(600)

#: As long ago as the pages still name its weekday.
LAST_TIME = datetime.now(UTC).replace(hour=12, minute=4, second=20, microsecond=0) - timedelta(days=3)
MINUTE, SECOND = timedelta(minutes=1), timedelta(seconds=1)
MANY = 10_000
#: More than the page keeps at once, and far fewer than all.
NODES_MAX = 9_000
HOSTILE = (
    "<script>document.body.dataset.hacked = 1</script>",
    '<img src="x" onerror="document.body.dataset.hacked = 2">',
    "</li></ol><style>* { display: none }</style><h1>Yours</h1>",
    "\u202e txt.exe \u2066 gnp.\u202c",
    "w" * 10_000,
    "👩🏽\u200d🚀 🇰🇪",
    "ما اسمك؟ 300,000 فقط",
    "मेरा पासवर्ड कैसे बदलूँ?",
    "疫苗什么时候到？",
    "{{ 7 * 7 }} {% raw %} &lt;b&gt;",
)
_ADD_MANY = """
    INSERT INTO messages (platform, id, timestamp, conversation_id, channel, role, author_id, content)
    SELECT 'twitch', message_id_at(message_source('twitch', $1 || n), said), said,
           conversation_key('twitch', $1, $1), $1, 'user', 'chatter ' || n % 40, 'number ' || n
    FROM generate_series(1, $2::integer) AS n,
         LATERAL (SELECT $3::timestamptz + n * interval '10 s' AS said) AS at
"""
#: Scrolls up to the beginning, a screen a frame; tells how many messages were there and how long frames took.
_SCROLL_TO_BEGINNING = """async () => {
    const said = document.getElementById("said"), start = document.querySelector(".way .start");
    const seen = new Set(), frames = [];
    let nodes = 0, last = performance.now();
    while (start.hidden || said.scrollTop > 0) {
        await new Promise((resolve) => requestAnimationFrame(resolve));
        frames.push(performance.now() - last);
        for (const part of [said.querySelector("ol"), said.querySelector("ol:last-of-type")])
            for (const message of part.querySelectorAll(".said")) seen.add(message.id);
        nodes = Math.max(nodes, document.querySelectorAll("*").length);
        said.scrollTop -= said.clientHeight;
        last = performance.now();
    }
    frames.sort((one, other) => one - other);
    const [p50, p95] = [0.5, 0.95].map((share) => frames[Math.floor(frames.length * share)]);
    return { seen: seen.size, nodes, p50, p95 };
}"""


@pytest.fixture
async def write(site: Site) -> AsyncIterator[Writer]:
    """Writes messages."""
    database = await connect(site.settings.database)
    try:
        yield Writer(database)
    finally:
        await database.close()


@pytest.fixture
def channel() -> str:
    """A room of this test alone."""
    return secrets.token_hex(6)


@asynccontextmanager
async def reading(
    browser: Browser, owner: Owner, *roles: CallerRole, **options: Any
) -> AsyncIterator[Reader]:
    """Sign somebody in who has these roles beside their own; what the browser complains of fails the test."""
    caller = Caller(owner.email, roles=frozenset({CallerRole.OWNER, *roles}))
    token = mint(owner.site.settings.api, caller, timedelta(hours=1))
    async with Reader.at(browser, owner, timezone_id="Africa/Lagos", **options) as reader:
        await reader.page.goto(f"{owner.site.address}{addresses.SIGN_IN}")
        await reader.page.get_by_label("Token").fill(token)
        await reader.page.get_by_role("button", name="Sign in").click()
        await reader.page.wait_for_url(lambda url: addresses.SIGN_IN not in url)
        yield reader
        assert reader.complaints == []


async def add_dialogue(write: Writer, owner: Owner, person: str) -> dict[str, UUID]:
    """Have somebody asked something, on the day that is looked for and on the day after it."""
    survey = await write.survey(owner.email, owner.survey)
    asked: dict[str, Any] = {"surveyid": survey, "question_ref": "children_under_5", "shortcode": "kadvax1"}
    ids = {
        "asked": await write.chat(
            person,
            "How many children under 5 are there?",
            LAST_TIME,
            metadata={"form": "kadvax1", "seed": 66028124},
            raw_payload={"message": {"text": "How many?", "is_echo": True}},
            message_type="number",
            **asked,
        ),
        "answered": await write.chat(person, "Two, she said", LAST_TIME + MINUTE, by="user", **asked),
        "photo": await write.chat(
            person, "", LAST_TIME + 2 * MINUTE, by="user", message_type="image", surveyid=survey
        ),
    }
    for hour in range(30):
        later = LAST_TIME + timedelta(days=1, minutes=10 * hour)
        ids["last"] = await write.chat(person, f"later {hour}", later, surveyid=survey)
    return ids


def messages_of(page: Page) -> Any:
    return page.locator("#said .said")


async def test_her_conversation_of_that_day_is_found_by_clicks_alone(
    browser: Browser, owner: Owner, write: Writer
) -> None:
    person = f"{secrets.randbelow(10**15)}"
    ids = await add_dialogue(write, owner, person)
    async with reading(browser, owner) as reader:
        page = reader.page
        await page.get_by_role("navigation", name="Main").get_by_role("link", name="Conversations").click()
        await page.get_by_text("More", exact=True).click()
        await page.get_by_role("link", name=f"{LAST_TIME:%A}").click()
        await page.get_by_role("link", name=person).click()

        asked = page.locator(f"#m-{ids['asked']}")
        await expect(asked).to_be_in_viewport()
        await expect(asked).to_contain_text("children_under_5")
        await expect(asked.locator("time").first).to_have_text("13:04")
        await expect(page.locator(f"#m-{ids['photo']}")).to_contain_text("Picture")
        # Beside it what was known, and the event itself a click further.
        await asked.hover()
        await asked.get_by_role("link", name="Details").click()
        known = page.get_by_role("complementary", name="What was known")
        await expect(known).to_contain_text("66028124")
        await expect(known).to_contain_text(owner.survey)
        await known.get_by_role("link", name="Show as the platform sent it").click()
        await expect(known.locator("pre")).to_contain_text('"is_echo": true')
        await page.keyboard.press("Escape")
        await expect(known).to_be_hidden()
        await expect(asked.get_by_role("link", name="Details")).to_be_focused()

        # A link to a message leads to its place, from anywhere.
        await page.goto(f"/messages/{ids['last']}")
        await expect(page.locator(f"#m-{ids['last']}")).to_be_in_viewport()
        await expect(page.locator(f"#m-{ids['last']}")).to_contain_class("marked")
        await page.get_by_label("Jump to a day").fill(f"{LAST_TIME:%Y-%m-%d}")
        await expect(asked).to_be_in_viewport()
        # Filters are in the address; each goes by itself.
        await page.goto(f"{addresses.CONVERSATIONS}?person={person}&question=nothing")
        await expect(page.get_by_text("No conversation has all of that.")).to_be_visible()
        await page.get_by_role("link", name="Question nothing").click()
        await expect(page.locator("a.talk")).to_contain_text(person)
        await page.wait_for_load_state()
        await page.locator("body").press("j")
        await page.keyboard.press("Enter")
        await expect(page.get_by_role("heading", name=person)).to_be_focused()
        await page.go_back()
        await expect(page.get_by_text("Choose a conversation.")).to_be_visible()

    noted = await owner.fetch_value(
        "SELECT array_agg(DISTINCT route) FROM access_log WHERE who = $1 AND subject ->> 'conversation' = $2",
        owner.email,
        str(dialogue(person, "page of ana")),
    )
    assert {
        "GET /conversations/{conversation:uuid}",
        "GET /messages/{message:uuid}",
        "GET /messages/{message:uuid}/details",
        "GET /messages/{message:uuid}/raw",
    } <= set(noted)


async def add_repeats(write: Writer, owner: Owner, person: str) -> dict[str, UUID]:
    """Have a bot ask somebody question 3 twice, as it took no answer, and question 4, as it was blocked."""
    now = datetime.now(UTC).replace(microsecond=0)
    survey = {"surveyid": await write.survey(owner.email, owner.survey), "shortcode": "kadvax1"}
    # What is said, how long ago, by whom, at which question.
    dialogue = {
        "first": ("Where do you live?", 50, "bot", "district"),
        "home": ("Kano", 49, "user", "district"),
        "asked": ("3. How many children under 5 are there?", 48, "bot", "children_under_5"),
        "answer": ("a few", 46, "user", "children_under_5"),
        "again": ("3. How many children under 5 are there?", 45, "bot", "children_under_5"),
        "number": ("2", 44, "user", "children_under_5"),
        "fourth": ("4. Were they vaccinated?", 43, "bot", "vaccinated"),
        "resent": ("4. Were they vaccinated?", 20, "bot", "vaccinated"),
    }
    ids = {}
    for name, (text, ago, by, question) in dialogue.items():
        more: dict[str, Any] = {"question_ref": question} | survey
        if name == "again":
            more["raw_payload"] = {"message": {"metadata": json.dumps({"repeat": True, "ref": question})}}
        ids[name] = await write.chat(person, text, now - ago * MINUTE, by=by, **more)
    for state, ago, answers, retries, problem in (
        ("QOUT", 48, 1, 0, None),
        ("QOUT", 43, 2, 0, None),
        ("BLOCKED", 42, 2, 3, "FB 551"),
        ("QOUT", 20, 2, 3, None),
    ):
        await write.database.execute(
            "INSERT INTO bot_state_changes (userid, updated, state, question, answers, retries, problem) "
            "VALUES ($1, $2, $3, 'q', $4, $5, $6)",
            *(person, now - ago * MINUTE, state, answers, retries, problem),
        )
    return ids


async def test_why_question_3_was_repeated_is_told_by_clicks_alone(
    browser: Browser, owner: Owner, write: Writer, tmp_path: Path
) -> None:
    person = f"{secrets.randbelow(10**15)}"
    ids = await add_repeats(write, owner, person)
    found = []
    async with reading(browser, owner, CallerRole.OPERATOR) as reader:
        page = reader.page
        for width in (1280, 390):
            await page.set_viewport_size({"width": width, "height": 844})
            await page.goto(addresses.OVERVIEW)
            if width == 390:
                await page.get_by_text("Menu", exact=True).click()
            main = page.get_by_role("navigation", name="Main")
            await main.get_by_role("link", name="Conversations").click()
            await page.get_by_role("link", name=person).click()

            again = page.locator(f"#m-{ids['again']}")
            why = again.get_by_text("Asked again · why?")
            await expect(page.locator(".why")).to_have_count(2)
            await expect(again.get_by_text("The answer was not accepted")).to_be_hidden()
            await why.click()
            await expect(again).to_contain_text("Asked for the 2nd time, 3 min after the last.")
            await expect(again.get_by_text("The answer was not accepted")).to_be_visible()
            found += [f"{width}: {problem}" for problem in await problems_of(reader)]
            await page.screenshot(path=tmp_path / f"why-{width}.png")
            await again.get_by_role("link", name="The answer").click()
            await expect(page.locator(f"#m-{ids['answer']}")).to_contain_class("marked")
            await expect(page.locator(f"#m-{ids['answer']}")).to_be_in_viewport()

            resent = page.locator(f"#m-{ids['resent']}")
            await resent.get_by_text("Asked again · why?").click()
            await expect(resent).to_contain_text("Messenger had not taken what the bot sent")
            await expect(resent).to_contain_text("FB 551")
            await page.screenshot(path=tmp_path / f"why-blocked-{width}.png")
    assert found == []


async def test_what_is_said_changed_and_taken_back_is_seen_as_it_happens(
    browser: Browser, owner: Owner, write: Writer, channel: str
) -> None:
    first = await write.say("the first", LAST_TIME, channel=channel)
    for number in range(40):
        await write.say(f"said {number}", LAST_TIME + MINUTE, channel=channel)
    async with reading(browser, owner, CallerRole.OPERATOR) as reader:
        page = reader.page
        async with page.expect_response(lambda answer: answer.url.endswith("/events")):
            await page.goto(f"{addresses.CONVERSATIONS}/{room(channel)}")

        # At the end, it is there; further up, it is told.
        await write.say("fresh", LAST_TIME + 2 * MINUTE, channel=channel)
        await expect(page.locator("#said").get_by_text("fresh", exact=True)).to_be_in_viewport()
        # For a few frames more, it is kept at the end.
        await page.locator("#said").evaluate(
            """async (said) => {
                for (let frame = 0; frame < 5; frame++) await new Promise(requestAnimationFrame);
                said.scrollTop = 0;
            }"""
        )
        last = await write.say("fresher", LAST_TIME + 3 * MINUTE, channel=channel)
        await expect(page.get_by_role("button", name="1 new")).to_be_visible()
        await expect(page.locator(f"#m-{first}")).to_be_in_viewport()
        await page.get_by_role("button", name="1 new").click()
        await expect(page.locator(f"#m-{last}")).to_be_in_viewport()
        await expect(page.get_by_role("button", name="1 new")).to_be_hidden()

        change = "UPDATE messages SET {} WHERE id = $1 AND timestamp = message_time($1)"
        await write.database.execute(change.format("content = 'freshest', edited = now()"), last)
        await expect(page.locator(f"#m-{last}")).to_contain_text("freshest")
        await expect(page.locator(f"#m-{last}").get_by_role("link", name="edited")).to_be_visible()
        await write.database.execute(change.format("deleted = now(), deletion = 'hide'"), last)
        await expect(page.locator(f"#m-{last}")).to_have_count(0)

        await page.context.set_offline(True)
        await expect(page.get_by_text("Connection lost")).to_be_visible()
        await write.say("meanwhile", LAST_TIME + 4 * MINUTE, channel=channel)
        await page.context.set_offline(False)
        await expect(page.locator("#said").get_by_text("meanwhile", exact=True)).to_be_visible()
        await expect(page.get_by_text("Connection lost")).to_be_hidden()
        # It is told on the console, too.
        reader.complaints.clear()


async def test_what_comes_late_is_seen_where_it_was_said(
    browser: Browser, owner: Owner, write: Writer, channel: str
) -> None:
    first = await write.say("the first", LAST_TIME, channel=channel)
    for number in range(40):
        await write.say(f"said {number}", LAST_TIME + MINUTE + number * SECOND, channel=channel)
    async with reading(browser, owner, CallerRole.OPERATOR) as reader:
        page = reader.page
        async with page.expect_response(lambda answer: answer.url.endswith("/events")):
            await page.goto(f"{addresses.CONVERSATIONS}/{room(channel)}")
        said = page.locator("#said")

        # Who reads the end has it at once, between those that were said before it and after it.
        late = await write.say("late", LAST_TIME + MINUTE + 38.5 * SECOND, channel=channel)
        await expect(page.locator(f"#m-{late}")).to_be_in_viewport()
        words = await messages_of(page).locator(".text").all_inner_texts()
        assert [text.strip() for text in words][-3:] == ["said 38", "late", "said 39"]

        # Who reads further up stays there, and is told; the button leads to all there is.
        async with page.expect_response(lambda answer: answer.url.endswith("/events")):
            await page.reload()
        await said.evaluate("(said) => { said.scrollTop = 0 }")
        later = await write.say("as late", LAST_TIME + MINUTE + 37.5 * SECOND, channel=channel)
        await expect(page.get_by_role("button", name="1 new")).to_be_visible()
        await expect(page.locator(f"#m-{first}")).to_be_in_viewport()
        await page.get_by_role("button", name="1 new").click()
        await expect(page.locator(f"#m-{later}")).to_be_in_viewport()
        await expect(page.get_by_role("button", name="1 new")).to_be_hidden()


async def test_what_people_say_is_text_whatever_it_is(
    browser: Browser, owner: Owner, write: Writer, channel: str
) -> None:
    await write.name("twitch", f"evil-{channel}", "<b>Mallory</b>")
    ids = [
        await write.say(
            text,
            LAST_TIME + number * MINUTE,
            channel=channel,
            author=f"evil-{channel}",
            metadata={"system_message": text, text[:50]: {"deep": text}},
            raw_payload={"said": text},
        )
        for number, text in enumerate(HOSTILE)
    ]
    async with reading(browser, owner, CallerRole.MODERATOR) as reader:
        page = reader.page
        await page.goto(f"{addresses.CONVERSATIONS}/{room(channel)}?person=%3Cscript%3E")

        assert await messages_of(page).locator(".text").all_inner_texts() == list(HOSTILE)
        for identifier in ids[:3]:
            await page.goto(f"/messages/{identifier}/details")
            await expect(page.locator(".facts")).to_contain_text("Mallory")
            await page.goto(f"/messages/{identifier}/raw")
            await expect(page.locator("pre")).to_contain_text("said")
        for address in (f"{addresses.CONVERSATIONS}/{room(channel)}/print", f"/people/twitch/evil-{channel}"):
            await page.goto(address)
            await expect(page.locator("main")).to_contain_text("<b>Mallory</b>")
        assert await page.evaluate("document.body.dataset.hacked") is None


async def test_ten_thousand_messages_are_read_from_the_end_to_the_beginning(
    browser: Browser, owner: Owner, write: Writer, channel: str, record_property: Any
) -> None:
    await write.say("the last", LAST_TIME + timedelta(days=2), channel=channel)
    await write.database.execute(_ADD_MANY, channel, MANY, LAST_TIME)
    async with reading(browser, owner, CallerRole.OPERATOR) as reader:
        page = reader.page
        await page.goto(f"{addresses.CONVERSATIONS}/{room(channel)}")
        await expect(messages_of(page).last).to_be_in_viewport()

        measured = await page.evaluate(_SCROLL_TO_BEGINNING)

        await expect(page.get_by_text("The conversation begins here.")).to_be_visible()
        await expect(messages_of(page).first).to_contain_text("number 1")
        record_property("frames", measured)
        assert measured["seen"] == MANY + 1
        assert measured["nodes"] < NODES_MAX


async def test_without_scripts_links_lead_through_a_thread(
    browser: Browser, owner: Owner, write: Writer, channel: str
) -> None:
    await write.say("the last", LAST_TIME + timedelta(days=2), channel=channel)
    await write.database.execute(_ADD_MANY, channel, 100, LAST_TIME)
    async with reading(browser, owner, CallerRole.OPERATOR, java_script_enabled=False) as reader:
        page = reader.page
        await page.goto(f"{addresses.CONVERSATIONS}?platform=twitch&channel={channel}")
        await page.get_by_role("link", name=f"#{channel}").click()
        await expect(messages_of(page).last).to_contain_text("the last")
        await page.get_by_role("link", name="Earlier").click()
        await expect(messages_of(page).first).to_contain_text("number 1")
        await page.get_by_role("link", name="Later").click()
        await expect(messages_of(page).first).to_contain_text("number 42")
        await page.get_by_label("Jump to a day").fill(f"{LAST_TIME + timedelta(days=1):%Y-%m-%d}")
        await page.get_by_role("button", name="Go").click()
        await expect(messages_of(page)).to_have_count(1)
        await messages_of(page).get_by_role("link", name="Details").click()
        await expect(page.get_by_role("heading", name="What was known of a message")).to_be_visible()
        await page.get_by_role("link", name="Show as the platform sent it").click()
        await expect(page.get_by_text("The event is not stored")).to_be_visible()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1280])
async def test_the_pages_fit_and_can_be_used_by_everyone(
    browser: Browser,
    owner: Owner,
    write: Writer,
    channel: str,
    tmp_path: Path,
    scheme: Literal["light", "dark"],
    width: int,
) -> None:
    person = f"{secrets.randbelow(10**15)}"
    ids = await add_dialogue(write, owner, person)
    await write.name("twitch", f"p-{channel}", "نور")
    first = await write.say("waves " * 60, LAST_TIME, channel=channel, author=f"p-{channel}")
    changes = {"edited": LAST_TIME + MINUTE, "deleted": LAST_TIME + MINUTE, "deletion": "keep"}
    for number, text in enumerate(HOSTILE):
        more: dict[str, Any] = {"reply_to": first, "weight": 10.0, "message_type": "resub"} | (
            changes if number % 2 else {}
        )
        said = await write.say(
            text, LAST_TIME + number * MINUTE, channel=channel, author=f"a {number}", **more
        )
        await write.opine(
            *(said, number % 2 - 0.5, LAST_TIME), label=text[:60], comment=text, author_id=f"p-{channel}"
        )
    pages = {
        "list": f"{addresses.CONVERSATIONS}?since={LAST_TIME:%Y-%m-%d}",
        "nothing": f"{addresses.CONVERSATIONS}?survey={'x' * 200}&person={'y' * 80}",
        "dialogue": f"{addresses.CONVERSATIONS}/{dialogue(person, 'page of ana')}?person={person}",
        "place": f"/messages/{ids['photo']}",
        "room": f"{addresses.CONVERSATIONS}/{room(channel)}?channel={channel}",
        "print": f"{addresses.CONVERSATIONS}/{room(channel)}/print",
        "person": f"/people/twitch/p-{channel}",
        "details": f"/messages/{ids['asked']}/details",
        "raw": f"/messages/{ids['asked']}/raw",
    }
    found = []
    size = {"width": width, "height": 844}
    async with reading(browser, owner, CallerRole.MODERATOR, color_scheme=scheme, viewport=size) as reader:
        page = reader.page
        for name, address in pages.items():
            await page.goto(address)
            found += [f"{name}: {problem}" for problem in await problems_of(reader)]
            await page.screenshot(path=tmp_path / f"{name}.png")
        await page.goto(pages["room"])
        await page.get_by_label("Print, save, export").click()
        found += [f"menu: {problem}" for problem in await problems_of(reader)]
        await messages_of(page).get_by_role("link", name="Details").last.click()
        await expect(page.get_by_role("heading", name="What was known")).to_be_focused()
        found += [f"known: {problem}" for problem in await problems_of(reader)]
        await page.screenshot(path=tmp_path / "known.png")

    assert found == []
