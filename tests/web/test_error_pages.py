"""What a person sees at addresses that are for programs, too."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.site.owners import ANA, add_export, bearer
from tests.site.visitor import text_of

if TYPE_CHECKING:
    from tests.site.visitor import Visitor


async def test_who_opens_a_download_without_signing_in_is_told_to_and_nothing_of_headers(
    visitor: Visitor,
) -> None:
    export = await add_export(visitor.settings, ANA)

    page = await visitor.get(f"/exports/{export}/download")

    assert (page.status_code, page.headers["www-authenticate"]) == (401, 'Bearer realm="chatlog"')
    assert "Sign in first" in text_of(page)
    assert "Sign in, then open the address again." in text_of(page)
    assert "Bearer" not in page.text


async def test_who_opens_a_download_too_early_is_told_how_far_it_is(ana: Visitor) -> None:
    export = await add_export(ana.settings, ANA, status="Writing")

    page = await ana.get(f"/exports/{export}/download")

    assert page.status_code == 409
    assert "There is no file: the export is Writing." in text_of(page)


async def test_while_the_storage_is_down_a_download_says_to_come_again(ana: Visitor) -> None:
    export = await add_export(ana.settings, ANA, status="Finished", object_key="exports/a/b.csv")

    page = await ana.get(f"/exports/{export}/download")
    program = await ana.client.get(f"/exports/{export}/download", headers=bearer(ana.settings))

    assert (page.status_code, program.status_code) == (503, 503)
    assert "Not available right now" in text_of(page)
    assert program.headers["content-type"] == "application/problem+json"
