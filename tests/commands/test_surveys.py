"""`chatlog surveys` as operators use it: what it lists, whom it shares with, and what it says of mistakes."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from tests.services import as_environment
from tests.site.owners import ANA, BEN, OF_ANA, OF_BEN, SHARED_NAME, execute, fetch_value
from tests.workers import CHATLOG

if TYPE_CHECKING:
    from pathlib import Path

    from app.settings import Settings

SHARES = "SELECT array_agg((owner, survey_name, address, shared_by)::text) FROM survey_shares"


async def chatlog(settings: Settings, directory: Path, *arguments: str) -> tuple[int, str]:
    """Run `chatlog surveys`; return its status and what it said."""
    process = await asyncio.create_subprocess_exec(
        CHATLOG,
        "surveys",
        *arguments,
        cwd=directory,
        env=as_environment(settings),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    said, _ = await process.communicate()
    assert process.returncode is not None
    return process.returncode, said.decode()


async def test_a_team_shares_a_survey_and_it_is_undone_as_easily(
    served_system: Settings, tmp_path: Path
) -> None:
    team = ("--with", " Colleague@Example.org", "--with", "friend@example.org")

    shared = await chatlog(served_system, tmp_path, "share", OF_BEN, *team)
    listed = await chatlog(served_system, tmp_path, "list", "--owner", BEN.upper())
    kept = await fetch_value(served_system, SHARES)
    undone = await chatlog(served_system, tmp_path, "unshare", OF_BEN, *team)

    assert (shared[0], undone[0]) == (0, 0)
    assert sorted(kept) == [
        f'({BEN},"{OF_BEN}",{address},{BEN})' for address in ("colleague@example.org", "friend@example.org")
    ]
    assert "colleague@example.org" in listed[1]
    assert ANA not in listed[1]
    assert await fetch_value(served_system, SHARES) is None


async def test_sharing_is_undone_also_of_a_survey_that_is_gone(
    served_system: Settings, tmp_path: Path
) -> None:
    address = ("--with", "colleague@example.org")
    await chatlog(served_system, tmp_path, "share", OF_BEN, *address)
    await execute(served_system, "UPDATE surveys SET survey_name = 'Another' WHERE survey_name = $1", OF_BEN)

    unknown = await chatlog(served_system, tmp_path, "unshare", OF_BEN, *address)
    undone = await chatlog(served_system, tmp_path, "unshare", OF_BEN, *address, "--owner", BEN.upper())

    assert (unknown[0], undone[0]) == (1, 0)
    assert "--owner" in unknown[1]
    assert await fetch_value(served_system, SHARES) is None


async def test_of_several_surveys_of_one_name_the_one_is_shared_that_is_meant(
    served_system: Settings, tmp_path: Path
) -> None:
    asked = ("share", SHARED_NAME, "--with", "colleague@example.org")

    unclear = await chatlog(served_system, tmp_path, *asked)
    clear = await chatlog(served_system, tmp_path, *asked, "--owner", ANA)

    assert unclear[0] == 1
    assert f"say whose with --owner ({ANA}, {BEN})" in unclear[1]
    assert clear[0] == 0
    assert await fetch_value(served_system, SHARES) == [f"({ANA},{SHARED_NAME},colleague@example.org,{ANA})"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("share", "Nobody's", "--with", ANA), 'there is no survey named "Nobody\'s"'),
        (("share", OF_BEN, "--owner", ANA, "--with", ANA), f'{ANA} has no survey named "{OF_BEN}"'),
        (("share", OF_BEN, "--with", "nobody"), "That is no email address."),
        (("share", OF_ANA, "--with", ANA.upper()), "The survey is of this address"),
    ],
)
async def test_a_mistake_is_said_in_one_line(
    served_system: Settings, tmp_path: Path, arguments: tuple[str, ...], said: str
) -> None:
    status, output = await chatlog(served_system, tmp_path, *arguments)

    assert status == 1
    assert said in output
    assert len(output.splitlines()) == 1
