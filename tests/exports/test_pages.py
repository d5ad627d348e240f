"""The pages of surveys and exports, as a browser without scripts uses them."""

from __future__ import annotations

import asyncio
import re
import uuid
from datetime import UTC, datetime, timedelta
from html import escape
from typing import TYPE_CHECKING, Any

import pytest
from pydantic import SecretStr

from app.exports.forms import survey_value
from app.exports.service import ExportRows
from app.surveys.rows import SurveyKey
from app.web import addresses
from models.exports import Compression, ExportOptions
from tests.services import changed
from tests.site.fixtures import serve
from tests.site.owners import (
    ANA,
    BEN,
    OF_ANA,
    OF_BEN,
    SHARED_NAME,
    add_export,
    bearer,
    execute,
    fetch_value,
    row_of,
    update_export,
)
from tests.site.visitor import HEADERS, Visitor, export_form, text_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from app.settings import Settings

TAB = addresses.tab(SHARED_NAME)
NEW_EXPORT = addresses.new_export(SHARED_NAME)
NOW = datetime(2026, 11, 3, 12, 4, tzinfo=UTC)
HOSTILE_NAMES = [
    "Endline / Kenya: \"phase 2\" & 'more'",
    "<script>alert(1)</script>",
    "استبيان الصحة",
    "🧪 100 % + ?#=;",
    "../../etc/passwd",
    "x" * 900,
]


async def add_survey(visitor: Visitor, name: str, email: str = ANA) -> None:
    await execute(
        visitor.settings,
        "INSERT INTO surveys (userid, shortcode, title, survey_name) "
        "SELECT id, 'code', 'title', $2 FROM users WHERE email = $1",
        email,
        name,
    )


async def exports_of(visitor: Visitor, survey: str = SHARED_NAME) -> list[dict[str, Any]]:
    found = await fetch_value(
        visitor.settings,
        "SELECT array_agg(id ORDER BY created DESC) FROM export_status WHERE user_id = $1 AND survey_id = $2",
        ANA,
        survey,
    )
    return [await row_of(visitor.settings, one) for one in found or ()]


# Surveys


async def test_an_owner_sees_their_surveys_and_nobody_elses(ana: Visitor) -> None:
    said = text_of(await ana.get(f"{addresses.SURVEYS}?counted=yes"))

    assert SHARED_NAME in said
    assert OF_ANA in said
    assert OF_BEN not in said


@pytest.mark.usefixtures("_counts_take_their_time")
async def test_a_survey_is_listed_with_its_shortcodes_counts_and_last_export(ana: Visitor) -> None:
    await execute(
        ana.settings,
        "INSERT INTO chat_log (userid, pageid, timestamp, direction, content, surveyid) "
        "SELECT 'u' || n, 'p', now(), 'user', 'hello', (SELECT surveys.id FROM surveys JOIN users "
        "ON users.id = userid WHERE email = $1 AND shortcode = 'base') FROM generate_series(1, 1200) AS n",
        ANA,
    )
    await add_export(
        ana.settings, ANA, status="Failed", created=datetime.now(UTC) - timedelta(minutes=3, seconds=5)
    )

    said = text_of(await ana.get(f"{addresses.SURVEYS}?counted=yes"))

    assert re.search(
        r"Baseline base base-es 2 versions just now ?, .* UTC 1,200 0 Failed 3 minutes ago", said
    )
    assert re.search(r"only-ana just now ?, .* UTC 0 0 none yet", said)


async def test_without_surveys_the_page_says_what_to_do(visitor: Visitor) -> None:
    await visitor.sign_in("nobody@example.org")

    said = text_of(await visitor.get(addresses.SURVEYS))

    assert "No surveys yet" in said
    assert "appear here by themselves" in said


@pytest.mark.parametrize("name", HOSTILE_NAMES)
async def test_a_survey_may_have_any_name(ana: Visitor, name: str) -> None:
    await add_survey(ana, name)

    page = await ana.get(f"{addresses.SURVEYS}?counted=yes")
    answer = await ana.ask(name)

    assert name in text_of(page) or "<" in name
    assert "<script>alert" not in page.text
    assert answer.status_code == 303
    tab = await ana.get(answer.headers["location"])
    assert tab.status_code == 200
    assert "<script>alert" not in tab.text
    [row] = await exports_of(ana, name)
    assert row["survey_id"] == name


# The Export tab


async def test_a_survey_without_exports_says_how_to_get_one(ana: Visitor) -> None:
    said = await ana.see_tab()

    assert "New export" in said
    assert "Nothing exported yet." in said
    assert 'href="/surveys/list" aria-current="page"' in (await ana.get(TAB)).text


async def test_the_form_says_what_discloses_and_has_the_survey_that_led_to_it(ana: Visitor) -> None:
    page = await ana.get(NEW_EXPORT)

    assert "May disclose" in text_of(page)
    assert f'{escape(survey_value(SurveyKey(ANA, SHARED_NAME)))}" selected' in page.text


async def test_other_pages_lead_to_the_form_with_what_they_show(ana: Visitor) -> None:
    page = await ana.get(
        addresses.new_export(what="messages", platform="twitch", person='"><script>', since="2026-11-24")
    )

    assert 'value="messages" checked' in page.text
    for value in ("twitch", "&#34;&gt;&lt;script&gt;", "2026-11-24"):
        assert f'value="{value}"' in page.text


async def test_a_form_that_is_sent_becomes_the_newest_row(ana: Visitor) -> None:
    await add_export(ana.settings, ANA, status="Failed", created=datetime.now(UTC) - timedelta(days=1))

    answer = await ana.ask(metadata="yes", since="2026-10-01", compression="gzip")

    assert (answer.status_code, answer.headers["location"]) == (303, TAB)
    newest, _ = await exports_of(ana)
    assert ExportOptions.model_validate_json(newest["options"]) == ExportOptions(
        include_metadata=True,
        since=datetime(2026, 10, 1, tzinfo=UTC),
        compression=Compression.GZIP,
    )
    said = await ana.see_tab()
    assert said.index("CSV, gzip · metadata · from 2026-10-01") < said.index("Failed")


async def test_responses_can_be_asked_for_in_wide_form(ana: Visitor) -> None:
    assert NEW_EXPORT.replace("&", "&amp;") in (await ana.get(TAB)).text

    await ana.ask(what="responses", layout="wide")

    [row] = await exports_of(ana)
    assert row["source"] == "responses"
    assert ExportOptions.model_validate_json(row["options"]).wide


async def test_a_mistake_is_told_beside_its_field_and_everything_else_kept(ana: Visitor) -> None:
    answer = await ana.ask(raw_payload="yes", since="2026-10-02", through="2026-10-01")

    assert answer.status_code == 422
    assert 'value="2026-10-02"' in answer.text
    assert 'aria-describedby="through-error" aria-invalid="true"' in answer.text
    assert '<option value="yes" selected>' in answer.text
    assert "The last day is before the first day." in text_of(answer)
    assert await exports_of(ana) == []


async def test_a_form_that_is_sent_twice_at_once_starts_one_export(ana: Visitor) -> None:
    token = await ana.csrf_token()

    await asyncio.gather(
        *(ana.post(addresses.NEW_EXPORT, csrf_token=token, **export_form()) for _ in range(5))
    )

    assert len(await exports_of(ana)) == 1


async def test_another_export_with_other_options_is_another(ana: Visitor) -> None:
    await ana.ask()
    await ana.ask(format="jsonl")

    assert len(await exports_of(ana)) == 2


@pytest.mark.parametrize(
    ("columns", "said"),
    [
        ({"status": "Querying"}, "Querying looking for the rows"),
        (
            {"status": "Writing", "rows_done": 1200, "rows_estimate": 4800, "bytes_done": 2_000_000},
            "Writing 1,200 of about 4,800 rows, 2.0 MB",
        ),
        ({"status": "Failed", "reason": "The disk <is> full."}, "Failed The disk <is> full."),
        ({"status": "Failed"}, "It failed for an unknown reason."),
        ({"status": "Finished", "rows_done": 7, "bytes_done": 812, "finished": NOW}, "Finished 7 812 bytes"),
        ({"status": "Finished", "finished": NOW}, "Empty 0"),
        ({"status": "Failed", "cancelled": NOW, "reason": "Cancelled by its owner"}, "Cancelled"),
        ({"status": "Finished", "removed": datetime(2026, 11, 1, tzinfo=UTC)}, "Removed"),
        ({"status": "Started", "reason": "It broke."}, "Before: It broke."),
    ],
)
async def test_the_table_says_how_an_export_is(ana: Visitor, columns: dict[str, Any], said: str) -> None:
    await add_export(ana.settings, ANA, source="chat_log", **columns)

    assert said in text_of(await ana.get(TAB))


async def test_the_time_is_in_the_readers_zone(ana: Visitor) -> None:
    await add_export(ana.settings, ANA, status="Failed", created=NOW)
    ana.client.cookies.set("chatlog_chosen_zone", "Asia/Kolkata")

    assert "3 Nov 2026, 17:34" in text_of(await ana.get(TAB))


async def test_the_page_asks_again_only_while_something_runs(ana: Visitor) -> None:
    export = await add_export(ana.settings, ANA)
    assert 'hx-trigger="every 1s"' in (await ana.get(TAB)).text

    await update_export(ana.settings, export, status="Finished")

    assert 'hx-trigger="every 1s"' not in (await ana.get(TAB)).text


async def test_three_hundred_exports_come_in_pages(ana: Visitor) -> None:
    await execute(
        ana.settings,
        "INSERT INTO export_status (user_id, survey_id, status, export_link, created) "
        "SELECT $1, $2, 'Failed', 'Not Found', now() - make_interval(days => n) "
        "FROM generate_series(1, 300) AS n",
        ANA,
        SHARED_NAME,
    )

    first, last = await ana.see_tab(), await ana.see_tab(page=6)
    oldest_first = text_of(await ana.get(f"{TAB}&sort=asked&order=up"))

    assert "Page 1 of 6" in first
    assert "Page 6 of 6" in last
    oldest = (datetime.now(UTC) - timedelta(days=300)).strftime("%b %Y")
    assert oldest in last
    assert oldest not in first
    assert oldest in oldest_first


async def test_exports_of_a_survey_that_is_gone_are_still_there(ana: Visitor) -> None:
    await add_export(ana.settings, ANA, survey_id="Long gone", status="Finished")

    said = await ana.see_tab("Long gone")

    assert "This survey is no longer there." in said
    assert "New export" not in said
    assert "Download" in said


# What can be done with an export


async def test_an_export_under_way_can_be_cancelled(ana: Visitor) -> None:
    export = await add_export(ana.settings, ANA, status="Writing")

    answer = await ana.submit(f"{addresses.TAB}/{export}/cancel")

    assert (answer.status_code, answer.headers["location"]) == (303, TAB)
    assert "Cancelled" in await ana.see_tab()


async def test_cancelling_what_has_just_finished_keeps_its_file(ana: Visitor) -> None:
    export = await add_export(ana.settings, ANA, status="Finished")

    await ana.submit(f"{addresses.TAB}/{export}/cancel")

    assert "Download" in await ana.see_tab()
    assert (await row_of(ana.settings, export))["removed"] is None


async def test_a_failed_export_can_be_tried_again_also_twice(ana: Visitor) -> None:
    export = await add_export(ana.settings, ANA, status="Failed", reason="It broke.")

    answers = [await ana.submit(f"{addresses.TAB}/{export}/retry") for _ in range(2)]

    assert [answer.headers["location"] for answer in answers] == [TAB, TAB]
    assert (await row_of(ana.settings, export))["status"] == "Started"
    assert "Before: It broke." in await ana.see_tab()


async def test_a_file_can_be_removed_after_a_question(ana: Visitor) -> None:
    export = await add_export(ana.settings, ANA, status="Finished")
    assert "Remove this file?" in await ana.see_tab()

    answer = await ana.submit(f"{addresses.TAB}/{export}/remove")

    assert answer.headers["location"] == TAB
    assert "Removed just now" in await ana.see_tab()
    assert (await row_of(ana.settings, export))["removed"] is not None


async def test_after_a_write_one_is_on_the_same_page_of_the_table(ana: Visitor) -> None:
    export = await add_export(ana.settings, ANA)

    back = f"{TAB}&state=Started&page=3"

    answer = await ana.submit(f"{addresses.TAB}/{export}/cancel", back=back)
    elsewhere = await ana.submit(f"{addresses.TAB}/{export}/cancel", back="//evil.example")

    assert answer.headers["location"] == back
    assert elsewhere.headers["location"] == "/"


# Who may


@pytest.mark.parametrize("address", [TAB, NEW_EXPORT])
async def test_a_survey_of_another_owner_is_not_found(ana: Visitor, address: str) -> None:
    theirs = address.replace(SHARED_NAME, OF_BEN.replace(" ", "+").replace("'", "%27"))

    answer = await ana.get(theirs)

    assert answer.status_code == 404
    assert "Not found" in text_of(answer)


async def test_a_survey_of_another_owner_cannot_be_exported(ana: Visitor) -> None:
    asked = [
        await ana.ask(OF_BEN),
        await ana.ask(OF_BEN, BEN, what="codebook"),
        await ana.ask(OF_BEN, BEN, what="responses", since="never"),
    ]

    assert [answer.status_code for answer in asked] == [404, 404, 404]
    assert await fetch_value(ana.settings, "SELECT count(*) FROM export_status") == 0


async def test_exports_of_another_owner_are_neither_seen_nor_touched(ana: Visitor) -> None:
    export = await add_export(ana.settings, BEN, status="Failed", reason="Of Ben's.")

    answers = [
        await ana.submit(f"{addresses.TAB}/{export}/{action}") for action in ("cancel", "retry", "remove")
    ]

    assert [answer.status_code for answer in answers] == [404, 404, 404]
    assert "Of Ben's." not in await ana.see_tab()
    assert (await row_of(ana.settings, export))["status"] == "Failed"


@pytest.mark.parametrize("token", [{}, {"csrf_token": "0" * 64}])
@pytest.mark.parametrize(
    "address",
    [addresses.NEW_EXPORT, "/exports/selected", f"{addresses.TAB}/{uuid.UUID(int=1)}/cancel", "/sign-out"],
)
async def test_a_write_without_the_token_of_the_session_is_refused(
    ana: Visitor, address: str, token: dict[str, str]
) -> None:
    answer = await ana.post(address, **export_form(), **token)

    assert answer.status_code == 403
    assert "Go back, load the page again" in text_of(answer)
    assert await exports_of(ana) == []


# When something is wrong


async def test_an_address_without_a_survey_is_told_to_be_incomplete(ana: Visitor) -> None:
    answer = await ana.get(addresses.TAB)

    assert answer.status_code == 422
    assert "That was not understood" in text_of(answer)


async def test_a_database_that_is_away_is_told_as_a_page(api_settings: Callable[..., Settings]) -> None:
    away = SecretStr("postgresql://nobody@127.0.0.1:9/nothing")
    nowhere = changed(api_settings(), database_url=away)
    async with serve(nowhere) as client:
        visitor = Visitor(client, nowhere)
        await visitor.sign_in()

        answer = await visitor.get(addresses.SURVEYS)

    assert answer.status_code == 503
    assert "Try again in a minute" in text_of(answer)


async def test_a_table_that_is_missing_is_for_the_operator_to_mend(ana: Visitor) -> None:
    await execute(ana.settings, "ALTER TABLE export_status RENAME TO moved")

    answer = await ana.get(addresses.SURVEYS)

    assert answer.status_code == 503
    assert "export_status" not in answer.text


async def test_a_mistake_of_ours_is_a_page_that_tells_nothing_of_it(
    ana: Visitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def mistaken(*_: object) -> None:
        raise RuntimeError("something about export_status")

    monkeypatch.setattr(ExportRows, "latest_of", mistaken)

    answer = await ana.get(addresses.SURVEYS)

    assert answer.status_code == 500
    assert "Something went wrong here" in text_of(answer)
    assert "export_status" not in answer.text


# The frame


@pytest.mark.parametrize(
    "address", ["/sign-in", "/surveys", TAB, NEW_EXPORT, "/surveys/export", addresses.EXPORTS]
)
async def test_no_page_has_anything_inline(ana: Visitor, address: str) -> None:
    page = await ana.get(address)

    policy = page.headers["content-security-policy"]
    assert "unsafe" not in policy
    assert "script-src 'self'" in policy
    assert "<style" not in page.text
    assert " style=" not in page.text
    assert page.text.count("<script") == page.text.count('<script src="/static/')
    assert not [attribute for attribute in ("onclick=", "onload=", "javascript:") if attribute in page.text]


async def test_what_a_page_loads_is_kept_until_it_changes(ana: Visitor) -> None:
    page = (await ana.get(addresses.SURVEYS)).text
    stylesheet = page.split('rel="stylesheet" href="')[1].split('"')[0]

    present = await ana.get(stylesheet)
    outdated = await ana.get(stylesheet.split("?")[0] + "?v=before")

    assert present.headers["content-type"] == "text/css; charset=utf-8"
    assert "immutable" in present.headers["cache-control"]
    assert outdated.headers["cache-control"] == "no-cache"


@pytest.mark.parametrize("name", ["nothing.css", "../rendering.py", "..%2frendering.py", "/etc/passwd", ""])
async def test_nothing_but_the_static_files_is_served(ana: Visitor, name: str) -> None:
    assert (await ana.get(f"/static/{name}")).status_code == 404


async def test_the_list_for_programs_has_an_address_of_its_own(ana: Visitor) -> None:
    ana.client.cookies.clear()

    answer = await ana.client.get("/surveys", headers=HEADERS | bearer(ana.settings))

    assert answer.headers["content-type"] == "application/json"
