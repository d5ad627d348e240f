"""Signing in by an identity provider, in a real browser: at our pages, at the provider's, and back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import pytest
from playwright.async_api import expect
from pydantic import SecretStr

from app.local.embedded import free_port
from app.web import addresses
from tests.browser.reader import Reader
from tests.browser.site import Site
from tests.browser.test_appearance import problems_of
from tests.identity_provider import Trick
from tests.identity_provider.behaviour import CLIENT, SECRET
from tests.identity_provider.process import identity_provider
from tests.services import changed, eventually, in_own_loop
from tests.site.served import ApiProcess

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from playwright.async_api import Browser

    from tests.browser.site import Owner
    from tests.identity_provider.process import IdentityProviderProcess

pytestmark = pytest.mark.timeout(600)

BUTTON = "Sign in with 127.0.0.1"
AWAY = "The identity provider does not answer as it should"


@pytest.fixture(scope="module")
def provider() -> Iterator[IdentityProviderProcess]:
    with identity_provider() as started:
        yield started


@pytest.fixture(scope="module")
def site_by_provider(
    site: Site, provider: IdentityProviderProcess, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Site]:
    """The system where people sign in by the provider; to a browser, that is another site."""
    port = free_port()
    address = f"http://localhost:{port}"
    settings = changed(
        site.settings,
        api_public_url=address,
        oidc_issuer=provider.issuer,
        oidc_client_id=CLIENT,
        oidc_client_secret=SecretStr(SECRET),
    )
    process = ApiProcess(settings, tmp_path_factory.mktemp("api"), port=port)
    try:
        in_own_loop(eventually(process.is_live))
        yield Site(settings, address)
    finally:
        process.make_sure_it_is_gone()


@pytest.fixture
async def owner(site_by_provider: Site, provider: IdentityProviderProcess) -> Owner:
    """Someone with a survey, whom the provider lets in."""
    provider.behave()
    return await site_by_provider.new_owner()


async def let_in(reader: Reader) -> None:
    """Say at the provider who it is."""
    await reader.page.get_by_label("Email").fill(reader.owner.email)
    await reader.page.get_by_role("button", name="Let me in").click()


async def test_whoever_the_provider_lets_in_is_where_they_wanted_to_be(
    reader: Reader, provider: IdentityProviderProcess
) -> None:
    page = reader.page
    await reader.open_tab()
    await page.get_by_role("link", name=BUTTON).click()
    await let_in(reader)

    await expect(page.get_by_role("heading", name=reader.owner.survey)).to_be_visible()
    assert page.url == f"{reader.owner.site.address}{addresses.tab(reader.owner.survey)}"
    # Neither is the code in an address to go back to.
    await page.go_back()
    assert page.url.startswith(provider.issuer)

    await reader.open_tab()
    await page.get_by_role("button", name="Sign out").click()
    await expect(page.get_by_role("link", name=BUTTON)).to_be_visible()


async def test_whoever_is_not_let_in_is_told_and_can_try_again(
    reader: Reader, provider: IdentityProviderProcess
) -> None:
    page = reader.page
    await reader.open_tab()
    await page.get_by_role("link", name=BUTTON).click()
    provider.behave(trick=Trick.DENIES)
    await let_in(reader)

    await expect(page.get_by_role("alert")).to_contain_text("The identity provider did not let you in")
    provider.behave()
    await page.get_by_role("link", name=BUTTON).click()
    await let_in(reader)

    await expect(page.get_by_role("heading", name=reader.owner.survey)).to_be_visible()


async def test_a_sign_in_link_still_signs_in(reader: Reader) -> None:
    await reader.sign_in()

    await expect(reader.page.get_by_role("link", name=reader.owner.survey)).to_be_visible()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1280])
async def test_the_page_fits_and_can_be_used_by_everyone(
    browser: Browser,
    owner: Owner,
    provider: IdentityProviderProcess,
    tmp_path: Path,
    scheme: Literal["light", "dark"],
    width: int,
) -> None:
    provider.behave(trick=Trick.TOKENS_DOWN)
    async with Reader.at(
        browser, owner, color_scheme=scheme, viewport={"width": width, "height": 900}
    ) as reader:
        page = reader.page
        await page.goto(addresses.SIGN_IN)
        found = await problems_of(reader)
        await page.screenshot(path=tmp_path / "both.png", full_page=True)

        await page.get_by_role("link", name=BUTTON).click()
        await let_in(reader)
        await expect(page.get_by_role("alert")).to_contain_text(AWAY)
        await page.get_by_text("Use a token").click()
        await expect(page.get_by_label("Token")).to_be_visible()
        found += await problems_of(reader)
        await page.screenshot(path=tmp_path / "away.png", full_page=True)

        # A provider's name is as long as a host's may be.
        link = page.get_by_role("link", name=BUTTON)
        await link.evaluate("node => { node.textContent = `Sign in with ${'x'.repeat(63)}.example` }")
        found += await problems_of(reader)

        assert found + reader.complaints == []
