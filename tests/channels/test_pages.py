"""The pages of channels without scripts: what a change would do, who made it, and that it can be undone."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from app.channels.holding import sample
from models.access import Caller, CallerRole
from tests.site.owners import execute, fetch_value
from tests.site.visitor import text_of

if TYPE_CHECKING:
    from app.settings import Settings
    from tests.site.visitor import Visitor

MODERATOR = Caller("moderator@example.org", roles=frozenset({CallerRole.MODERATOR}))
OPERATOR = Caller("operator@example.org", roles=frozenset({CallerRole.OPERATOR}))
RULE = "/channels/rule?platform=twitch&channel=1"
#: But for the one that the API sets of threads when it starts.
RULES = "SELECT count(*) FROM chat_logging_config WHERE platform <> 'threads'"


@pytest.mark.parametrize(
    ("rate", "words"),
    [
        (1.0, "every message"),
        (0.5, "every second message"),
        (0.1, "every tenth message"),
        (0.125, "12.5 % of messages"),
        (0.0, "no message"),
    ],
)
def test_a_sample_is_said_in_words(rate: float, words: str) -> None:
    assert sample(rate) == words


async def test_a_rule_is_looked_at_changed_and_put_back(visitor: Visitor, system: Settings) -> None:
    await execute(system, "INSERT INTO channel_parents VALUES ('twitch', '1', '2', 'a thread')")
    await execute(
        system,
        "INSERT INTO chat_logging_config (platform, channel, is_enabled, retention_days, sampling_rate, "
        "bots) VALUES ('twitch', '2', NULL, NULL, NULL, false), ('*', '*', NULL, 90, NULL, NULL)",
    )
    await visitor.sign_in(caller=MODERATOR)

    inherits = text_of(await visitor.get(RULE))
    preview = text_of(await visitor.submit(RULE, sampling_rate="10", preview="yes"))
    unchanged = await fetch_value(system, RULES)
    wrong = await visitor.submit(RULE, sampling_rate="101")
    saved = await visitor.submit(
        RULE, sampling_rate="10", is_enabled="yes", ignored_own="yes", ignored_users="7\n8"
    )
    first = await fetch_value(
        system, "SELECT valid_from FROM chat_logging_config_versions WHERE channel = '1' ORDER BY 1 LIMIT 1"
    )
    await visitor.submit("/channels/rule/unset?platform=twitch&channel=1")
    back = await visitor.submit(
        "/channels/rule/restore?platform=twitch&channel=1", valid_from=first.isoformat()
    )
    history = text_of(await visitor.get(RULE))

    assert "What bots say no from the channel 2" in inherits
    assert "Keep for 90 days from the rule for all" in inherits
    assert "Every tenth message is kept; figures are estimates." in preview
    assert (unchanged, wrong.status_code, saved.status_code, back.status_code) == (2, 422, 303, 303)
    assert "A number from 0 to 100" in text_of(wrong)
    assert history.count(MODERATOR.email) == 4, "whose page it is, and three versions"
    assert "Ignored people: 2 ids" in history
    assert (
        await fetch_value(
            system, "SELECT (sampling_rate, ignored_users)::text FROM chat_logging_config WHERE channel = '1'"
        )
        == '(0.1,"{7,8}")'
    )


async def test_a_page_that_no_list_has_is_the_first(visitor: Visitor) -> None:
    await visitor.sign_in(caller=MODERATOR)
    assert (await visitor.get(f"/channels?page={10**20}")).status_code == 200


async def test_who_only_sees_rules_is_offered_no_form_and_may_not_change_them(
    visitor: Visitor, system: Settings
) -> None:
    await visitor.sign_in(caller=OPERATOR)

    seen = await visitor.get(RULE)
    changed = await visitor.submit(RULE, sampling_rate="10")
    opted_out = await visitor.submit("/channels/opt-outs", platform="twitch", person="1")

    assert (seen.status_code, changed.status_code, opted_out.status_code) == (200, 403, 403)
    assert "Change the rule" not in text_of(seen)
    assert await fetch_value(system, RULES) == 0
