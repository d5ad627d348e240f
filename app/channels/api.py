"""The routes of channels: what is recorded of which."""

from typing import Annotated

from fastapi import APIRouter, Depends, Query

from app.access import Asks
from app.channels.representations import KnownRule, RuleValues, RuleVersion
from app.channels.serving import KnownRules
from app.web.problems import responses
from models.access import Action, Caller
from models.fields import INDEXED_MAX_BYTES

router = APIRouter(prefix="/v1/channels", tags=["channels"], responses=responses(401, 403, 422, 503))

#: Ids of all whom a rule ignores, with room for long ones.
BODY_MAX_BYTES = 1024 * 1024

AsksToSee = Annotated[Caller, Depends(Asks(Action.SEE_CHANNELS))]
AsksToChange = Annotated[Caller, Depends(Asks(Action.CHANGE_CHANNELS))]
PlatformName = Annotated[
    str,
    Query(max_length=31, description="Whose channel; * for the rule for all.", examples=["twitch"]),
]
Channel = Annotated[
    str,
    Query(
        min_length=1,
        max_length=INDEXED_MAX_BYTES,
        description="The platform's id of it; * for the platform's rule.",
        examples=["918273645"],
    ),
]


@router.get("")
async def list_the_rules(
    caller: AsksToSee,
    rules: KnownRules,
    platform: Annotated[str | None, Query(max_length=31, description="Only its rules.")] = None,
) -> list[KnownRule]:
    """Return the rules that there are; the defaults first. A channel without one has its platform's."""
    return [KnownRule.of(rule) for rule in await rules.find(caller, platform)]


@router.get("/rule")
async def get_a_channels_rules(
    platform: PlatformName, channel: Channel, caller: AsksToSee, rules: KnownRules
) -> list[KnownRule]:
    """Return the rules that bear on a channel: its own, its platform's and that for all, as far as there are.

    Of each value, the first that is not null holds.
    """
    return [KnownRule.of(rule) for rule in await rules.in_force(caller, platform, channel)]


@router.patch("/rule", responses=responses(413))
async def set_a_channels_rule(
    platform: PlatformName, channel: Channel, changes: RuleValues, caller: AsksToChange, rules: KnownRules
) -> KnownRule:
    """Set what is named of a channel's rule, and return it whole: null inherits, the rest stays as it is.

    It holds 10 s later, for what is said from then on.
    """
    set_ones = changes.model_dump(exclude_unset=True)
    return KnownRule.of(await rules.set(caller, platform, channel, set_ones))


@router.delete("/rule", status_code=204, responses=responses(404))
async def unset_a_channels_rule(
    platform: PlatformName, channel: Channel, caller: AsksToChange, rules: KnownRules
) -> None:
    """Take a channel's rule away: 10 s later its platform's holds again."""
    await rules.unset(caller, platform, channel)


@router.get("/versions")
async def list_a_rules_versions(
    platform: PlatformName, channel: Channel, caller: AsksToSee, rules: KnownRules
) -> list[RuleVersion]:
    """Return what a channel's rule was, is and is about to be, the newest first."""
    return [RuleVersion.of_version(version) for version in await rules.versions(caller, platform, channel)]
