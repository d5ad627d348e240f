"""Writing in threads at a browser: at once, in order, once, and what becomes of it when that cannot be."""

from __future__ import annotations

import secrets
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Literal

import aiohttp
import pytest
from playwright.async_api import expect

from app.access import mint
from app.web import addresses
from models.access import Caller, CallerRole
from tests.browser.reader import Reader
from tests.browser.site import Owner
from tests.browser.test_appearance import problems_of

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from playwright.async_api import Browser, Locator, Page, Route

    from tests.browser.site import Site

pytestmark = pytest.mark.timeout(600)

LEARNER = "learner-7"
API = "/api/v1/threads"


@dataclass(frozen=True, slots=True)
class School:
    """A tenant of one test.

    Attributes:
        site: where.
        tenant: its name.
    """

    site: Site
    tenant: str

    def person(self, role: CallerRole, *learners: str) -> Caller:
        """Return somebody of the school; a learner is the one whom all others are there for."""
        user = LEARNER if role is CallerRole.LEARNER else f"{role.value}-1"
        scope = frozenset(f"learner:{learner}" for learner in learners or (LEARNER,))
        return Caller(f"{user}@{self.tenant}.example", self.tenant, frozenset({role}), scope, user)

    async def ask(self, method: str, path: str, body: Any = None, **headers: str) -> Any:
        """Ask the API as the school's program."""
        service = Caller("program@school.example", self.tenant, frozenset({CallerRole.SERVICE}))
        token = mint(self.site.settings.api, service, timedelta(hours=1))
        headers["Authorization"] = f"Bearer {token}"
        async with (
            aiohttp.ClientSession(self.site.address) as session,
            session.request(method, f"{API}{path}", json=body, headers=headers) as answer,
        ):
            assert answer.ok, await answer.text()
            return None if answer.status == 204 else await answer.json()

    async def thread(self, title: str = "Fractions", learner: str = LEARNER) -> str:
        made = await self.ask("POST", "", {"learner_id": learner, "title": title})
        thread: str = made["id"]
        return thread

    async def say(self, thread: str, text: str, by: str = LEARNER, **told: Any) -> str:
        body = {"content": {"text": text}, "sender_id": by} | told
        said: str = (await self.ask("POST", f"/{thread}/messages", body))["id"]
        return said

    async def texts(self, thread: str) -> list[str]:
        """Return what is stored."""
        found = await self.ask("GET", f"/{thread}/messages?limit=200")
        return [message["content"].get("text", "") for message in found["items"]]


@pytest.fixture
def school(site: Site) -> School:
    return School(site, f"school-{secrets.token_hex(4)}")


@asynccontextmanager
async def visiting(browser: Browser, school: School, caller: Caller, **options: Any) -> AsyncIterator[Page]:
    """Sign somebody in; what the browser complains of fails the test."""
    async with Reader.at(browser, Owner(school.site, caller.email, ""), **options) as reader:
        await sign_in(reader.page, school, caller)
        yield reader.page
        assert reader.complaints == []


async def sign_in(page: Page, school: School, caller: Caller) -> None:
    await page.goto(addresses.SIGN_IN)
    await page.get_by_label("Token").fill(mint(school.site.settings.api, caller, timedelta(hours=1)))
    await page.get_by_role("button", name="Sign in").click()
    await page.wait_for_url(lambda url: addresses.SIGN_IN not in url)


async def open_thread(page: Page, thread: str) -> None:
    # What comes in is heard from then on, and what waits is sent.
    async with page.expect_response(lambda answer: answer.url.endswith("/events")):
        await page.goto(f"{addresses.CONVERSATIONS}/{thread}")
    await expect(field_of(page)).to_be_visible()


def field_of(page: Page) -> Locator:
    return page.get_by_label("Message", exact=True)


def said_in(page: Page) -> Locator:
    """What is shown as said, stored or not."""
    return page.locator("#said .said .bubble > .text")


async def write(page: Page, text: str) -> None:
    await field_of(page).fill(text)
    await field_of(page).press("Enter")


async def test_a_learner_begins_a_thread_and_talks_with_a_teacher(browser: Browser, school: School) -> None:
    learner, teacher = school.person(CallerRole.LEARNER), school.person(CallerRole.TEACHER)
    async with visiting(browser, school, learner) as page, visiting(browser, school, teacher) as other:
        await expect(page).to_have_url(f"{school.site.address}{addresses.CONVERSATIONS}")
        await page.get_by_role("link", name="New thread").click()
        await page.get_by_label("Title").fill("Fractions")
        await page.get_by_role("button", name="Begin thread").click()
        await field_of(page).press_sequentially("What is")
        await field_of(page).press("Shift+Enter")
        await field_of(page).press_sequentially("a half?")
        await field_of(page).press("Enter")
        await write(page, "I forgot.")
        await expect(page.locator("#said .part .said")).to_have_count(2)
        await expect(page.locator(".unsent li")).to_have_count(0)

        await other.reload()
        await other.get_by_role("link", name="Fractions").click()
        question = other.locator("#said .said", has_text="a half?")
        await question.hover()
        await question.get_by_role("link", name="Reply").click()
        await write(other, "One of two equal parts.")

        answer = page.locator("#said .said", has_text="One of two equal parts.")
        await expect(answer).to_contain_text("In reply to:")
        await expect(answer).to_contain_text("teacher-1")
        await expect(page.locator("#said .part .said")).to_have_count(3)
        await page.reload()
        await expect(said_in(page)).to_have_text(["What is\na half?", "I forgot.", "One of two equal parts."])


async def test_what_is_written_without_a_connection_is_sent_once_there_is_one(
    browser: Browser, school: School
) -> None:
    thread = await school.thread()
    async with visiting(browser, school, school.person(CallerRole.LEARNER)) as page:
        await open_thread(page, thread)
        await page.context.set_offline(True)
        await write(page, "Are you there?")
        await write(page, "Hello?")
        await expect(page.locator(".unsent .failed")).to_contain_text("No connection")
        await page.context.set_offline(False)

        await expect(page.locator(".unsent li")).to_have_count(0)
        await expect(said_in(page)).to_have_text(["Are you there?", "Hello?"])
    assert await school.texts(thread) == ["Are you there?", "Hello?"]


async def test_a_message_whose_answer_is_lost_is_written_once(browser: Browser, school: School) -> None:
    thread = await school.thread()
    lost: list[int] = []

    async def lose_the_first_answer(route: Route) -> None:
        answer = await route.fetch()
        if lost:
            await route.fulfill(response=answer)
        else:
            lost.append(answer.status)
            await route.abort("connectionreset")

    async with visiting(browser, school, school.person(CallerRole.LEARNER)) as page:
        await open_thread(page, thread)
        await page.route("**/messages", lose_the_first_answer)
        await write(page, "Only once")
        await page.get_by_role("button", name="Try again").click()

        await expect(page.locator(".unsent li")).to_have_count(0)
        await expect(said_in(page)).to_have_text(["Only once"])
    assert (lost, await school.texts(thread)) == ([201], ["Only once"])


async def test_too_much_at_once_is_sent_when_the_wait_is_over(browser: Browser, school: School) -> None:
    thread = await school.thread()
    refused: list[str] = []

    async def refuse_once(route: Route) -> None:
        if refused:
            await route.continue_()
            return
        refused.append(route.request.headers["idempotency-key"])
        await route.fulfill(status=429, headers={"Retry-After": "6"}, json={"detail": "Too many requests"})

    async with visiting(browser, school, school.person(CallerRole.LEARNER)) as page:
        await open_thread(page, thread)
        await page.route("**/messages", refuse_once)
        await write(page, "first")
        await expect(page.locator(".unsent .failed")).to_contain_text("sent again in 6 seconds")
        await write(page, "second")

        await expect(page.locator(".unsent li")).to_have_count(0)
        await expect(said_in(page)).to_have_text(["first", "second"])
    assert len(refused) == 1


async def test_a_full_thread_says_so_and_keeps_what_was_written(browser: Browser, school: School) -> None:
    thread = await school.thread()
    owner = Owner(school.site, "", "")
    async with visiting(browser, school, school.person(CallerRole.LEARNER)) as page:
        await open_thread(page, thread)
        await owner.fetch_value("UPDATE conversations SET captured = 1000 WHERE id = $1", thread)
        await write(page, "One too many")
        unsent = page.locator(".unsent .failed")
        await expect(unsent).to_contain_text("This thread is full")
        await expect(unsent.get_by_role("link", name="New thread")).to_be_visible()
        await page.reload()
        await expect(unsent).to_contain_text("One too many")
        await owner.fetch_value("UPDATE conversations SET captured = 0 WHERE id = $1", thread)
        await unsent.get_by_role("button", name="Try again").click()

        await expect(page.locator("#said .part")).to_contain_text("One too many")
        await expect(unsent).to_have_count(0)


async def test_what_is_written_when_a_session_is_over_is_sent_after_signing_in(
    browser: Browser, school: School
) -> None:
    thread, learner = await school.thread(), school.person(CallerRole.LEARNER)
    async with visiting(browser, school, learner) as page:
        # What the page asks for when it opens: without a session it would go to sign in by itself.
        async with page.expect_response("**/part*"):
            await open_thread(page, thread)
        await page.context.clear_cookies(name="chatlog_session")
        await write(page, "Still mine")
        await expect(page.locator(".unsent .failed")).to_contain_text("Your session is over")
        await page.get_by_role("link", name="Sign in").click()
        await page.get_by_label("Token").fill(mint(school.site.settings.api, learner, timedelta(hours=1)))
        await page.get_by_role("button", name="Sign in").click()

        await expect(page.locator("#said .part")).to_contain_text("Still mine")
        await expect(page.locator(".unsent li")).to_have_count(0)
    assert await school.texts(thread) == ["Still mine"]


async def test_who_was_slower_sees_what_there_is_and_may_save_again(browser: Browser, school: School) -> None:
    thread = await school.thread()
    message = await school.say(thread, "a half is two")
    async with visiting(browser, school, school.person(CallerRole.LEARNER)) as page:
        await open_thread(page, thread)
        said = page.locator(f"#m-{message}")
        await said.hover()
        await said.get_by_role("link", name="Edit").click()
        await expect(field_of(page)).to_have_value("a half is two")
        await school.ask("PUT", f"/{thread}/messages/{message}", {"content": {"text": "a half is 1/2"}})
        await write(page, "a half is 0.5")

        failed = page.locator(".unsent .failed")
        await expect(failed).to_contain_text("Somebody was faster")
        await expect(failed).to_contain_text("a half is 0.5")
        await expect(said).to_contain_text("a half is 1/2")
        await failed.get_by_role("button", name="Try again").click()
        await expect(said).to_contain_text("a half is 0.5")
        await expect(failed).to_have_count(0)
        await expect(page.locator(".said.going")).to_have_count(0)

        await said.get_by_role("link", name="edited").click()
        await expect(page.locator("#known .versions li")).to_have_count(3)
    assert await school.texts(thread) == ["a half is 0.5"]


async def test_a_teacher_deletes_what_a_learner_said_after_a_question(
    browser: Browser, school: School
) -> None:
    thread = await school.thread()
    message = await school.say(thread, "something rude")
    async with (
        visiting(browser, school, school.person(CallerRole.PARENT)) as parents,
        visiting(browser, school, school.person(CallerRole.TEACHER)) as page,
    ):
        await open_thread(parents, thread)
        await expect(parents.get_by_role("link", name="Delete")).to_have_count(0)
        await open_thread(page, thread)
        said = page.locator(f"#m-{message}")
        await said.hover()
        await said.get_by_role("link", name="Delete").click()
        await expect(page.get_by_role("dialog")).to_contain_text("something rude")
        await page.get_by_role("button", name="Keep it").click()
        await said.hover()
        await said.get_by_role("link", name="Delete").click()
        await page.get_by_role("button", name="Delete message").click()

        for seen in (said, parents.locator(f"#m-{message}")):
            await expect(seen).to_contain_text("Deleted: the text is no longer stored.")
    assert await school.texts(thread) == []


async def test_all_of_it_works_without_scripts(browser: Browser, school: School) -> None:
    teacher = school.person(CallerRole.TEACHER, LEARNER, "learner-8")
    async with visiting(browser, school, teacher, java_script_enabled=False) as page:
        await page.get_by_role("link", name="New thread").click()
        await page.get_by_label("With which learner").select_option("learner-8")
        await page.get_by_role("button", name="Begin thread").click()
        await field_of(page).fill("Welcome")
        await page.get_by_role("button", name="Send").click()
        await page.get_by_role("link", name="Reply").click()
        await field_of(page).fill("Read this first")
        await page.get_by_role("button", name="Send").click()
        await expect(page.locator("#said .said").nth(1)).to_contain_text("In reply to: ")
        await page.get_by_role("link", name="Edit").first.click()
        await page.get_by_label("Text").fill("Welcome, all")
        await page.get_by_role("button", name="Save").click()
        await expect(page.locator("#said .said").first).to_contain_text("Welcome, all")
        await page.get_by_role("link", name="Delete").last.click()
        await page.get_by_role("button", name="Delete message …").click()
        await page.get_by_role("button", name="Delete message", exact=True).click()
        await expect(page.locator("#said .said").last).to_contain_text("Deleted")

        await page.get_by_label("More", exact=True).click()
        await page.get_by_role("link", name="Title, archive, delete …").click()
        await page.get_by_role("textbox", name="Title").fill("Beginnings")
        await page.get_by_role("button", name="Save title").click()
        await page.get_by_role("button", name="Archive thread").click()
        await page.get_by_role("link", name="Back to the thread").click()
        await expect(page.locator(".thread .head")).to_contain_text("Archived")
        await expect(page.locator(".thread .head")).to_contain_text("Beginnings")
        await page.get_by_label("More", exact=True).click()
        await page.get_by_role("link", name="Title, archive, delete …").click()
        await page.get_by_role("button", name="Delete thread …").click()
        await page.get_by_role("button", name="Delete thread", exact=True).click()
        await expect(page.get_by_text("Beginnings")).to_have_count(0)


async def test_a_file_of_a_learner_is_had_and_then_all_of_them_erased(
    browser: Browser, school: School
) -> None:
    thread = await school.thread()
    await school.say(thread, "What is a half?")
    async with visiting(browser, school, school.person(CallerRole.PARENT)) as page:
        await open_thread(page, thread)
        await page.get_by_label("More", exact=True).click()
        await page.get_by_role("link", name="The learner’s data …").click()
        await page.get_by_label("Why").first.fill("To keep it")
        await page.get_by_role("button", name="Ask for the file").click()
        requests = page.locator("#requests tbody tr")
        await expect(requests.first).to_contain_text("parent-1")
        await expect(requests.first).to_contain_text("To keep it")
        await expect(requests.first).to_contain_text("Done")
        async with page.expect_download() as downloading:
            await requests.first.get_by_role("link", name="Download").click()
        file = await (await downloading.value).path()
        assert "What is a half?" in file.read_text()

        await page.get_by_role("button", name="Erase everything …").click()
        await expect(page.get_by_role("dialog")).to_contain_text("This cannot be undone")
        await page.get_by_role("dialog").get_by_role("button", name="Erase everything").click()
        await expect(requests.first).to_contain_text("1 thread, 1 message erased")
        await page.get_by_role("link", name="Conversations").click()
        await expect(page.get_by_text("No conversation is here yet.")).to_be_visible()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1280])
async def test_every_page_of_threads_fits_and_can_be_used_by_everyone(
    browser: Browser, school: School, tmp_path: Path, scheme: Literal["light", "dark"], width: int
) -> None:
    thread, empty = await school.thread("Brüche und Größen: " + "g" * 90), await school.thread("ما هو النصف؟")
    asked = await school.say(thread, "What is a half?\n" + "long " * 60)
    await school.say(thread, "ما هو النصف؟", by="teacher-1", reply_to=asked)
    edited = await school.say(thread, "w" * 300)
    await school.ask("PUT", f"/{thread}/messages/{edited}", {"content": {"text": "shorter"}})
    gone = await school.say(thread, "to be deleted")
    await school.ask("DELETE", f"/{thread}/messages/{gone}")
    await school.ask(
        "POST",
        f"/{thread}/messages",
        {
            "content": {"parts": [{"type": "text", "text": "Look:"}, {"type": "image", "name": "half.png"}]},
            "sender_id": "tutor",
            "sender_role": "assistant",
        },
    )
    found: list[str] = []
    teacher = school.person(CallerRole.TEACHER)
    viewport = {"width": width, "height": 900}
    async with visiting(browser, school, teacher, color_scheme=scheme, viewport=viewport) as page:
        reader = Reader(page, Owner(school.site, teacher.email, ""))

        async def look(name: str) -> None:
            found.extend(f"{name}: {problem}" for problem in await problems_of(reader))
            await page.screenshot(path=tmp_path / f"{name}.png")

        await look("list")
        for name, address in {
            "new": addresses.NEW_THREAD,
            "settings": f"{addresses.THREADS}/{thread}",
            "message": f"{addresses.THREADS}/{thread}/messages/{asked}",
            "empty": f"{addresses.CONVERSATIONS}/{empty}",
            "thread": f"{addresses.CONVERSATIONS}/{thread}",
        }.items():
            await page.goto(address)
            await look(name)
        await page.context.set_offline(True)
        await write(page, "Not sent yet, and rather long so that it breaks into lines " * 2)
        await expect(page.locator(".unsent .failed")).to_be_visible()
        said = page.locator(f"#m-{asked}")
        await said.hover()
        await said.get_by_role("link", name="Edit").click()
        await look("failed-and-editing")
        await said.hover()
        await said.get_by_role("link", name="Delete").click()
        await look("question")
    parent = school.person(CallerRole.PARENT, LEARNER, "learner-8")
    async with visiting(browser, school, parent, color_scheme=scheme, viewport=viewport) as page:
        reader = Reader(page, Owner(school.site, parent.email, ""))
        await page.goto(addresses.PRIVACY)
        await look("privacy-none")
        await page.goto(addresses.privacy(LEARNER))
        await page.get_by_label("Why").first.fill("because " * 40)
        await page.get_by_role("button", name="Ask for the file").click()
        await expect(page.locator("#requests tbody tr")).to_contain_text("Done")
        await look("privacy")
        await page.get_by_role("button", name="Erase everything …").click()
        await look("privacy-question")
    assert found == []
