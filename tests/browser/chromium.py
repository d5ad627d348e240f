"""The browser that the tests drive: a Chromium of the machine, found by name, never fetched."""

from __future__ import annotations

import os
import shutil
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from playwright.async_api import async_playwright

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from playwright.async_api import Browser

NAMES = ("chromium", "chromium-browser", "google-chrome")


def find_chromium() -> str:
    """Return the path of the browser; without one, skip the test, but fail it in CI: there it has to run."""
    named = os.environ.get("CHROMIUM")
    if named:
        if not Path(named).is_file():
            pytest.fail(
                f"CHROMIUM={named}: there is no such file; leave it out, or name a Chromium or Chrome"
            )
        return named
    for name in NAMES:
        if found := shutil.which(name):
            return found
    missing = (
        f"No browser: none of {', '.join(NAMES)} is on PATH. Install one (apt-get install chromium), or set "
        "CHROMIUM to where it is"
    )
    if os.environ.get("CI"):
        pytest.fail(missing)
    pytest.skip(missing)


@asynccontextmanager
async def chromium() -> AsyncIterator[Browser]:
    """Start the browser for one test."""
    # Chromium's own sandbox does not work for root, as in most containers.
    arguments = ["--no-sandbox"] if os.geteuid() == 0 else []
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=find_chromium(), args=arguments)
        try:
            yield browser
        finally:
            await browser.close()
