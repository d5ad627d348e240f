"""The pages of channels: what is recorded of which, since when and by whom, and changing it.

What a change would do is said before it is made: the form is sent to ask for that, by its script while values
are entered. Every write ends in going to a page, so that loading it again repeats
nothing.
"""

from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from typing import Annotated, Any
from urllib.parse import urlencode

from fastapi import APIRouter, Depends, Form, Query, Request, Response
from fastapi.responses import RedirectResponse

from app.access import PageAsks
from app.channels.forms import AskedRule, form_of, read_rule
from app.channels.holding import DELETIONS, EXEMPTIONS, effects, holding
from app.channels.known import KnownChannels
from app.channels.rows import ALL, ChannelConfig, channel_thing
from app.channels.service import ChannelRules
from app.channels.serving import ChannelsKnown, KnownRules
from app.channels.views import DEFAULTS, channel_views, history_of
from app.web import addresses
from app.web.paging import PageNumber, Paging
from app.web.problems import PageRoute
from app.web.rendering import render
from models.access import Action, Caller, may, may_at_all
from models.fields import INDEXED_MAX_BYTES
from models.platforms import WITHOUT_STATE

CHANNELS_A_PAGE = 50
#: From how long after its making a rule holds (migrations, keep_config_version).
HOLDS_AFTER = timedelta(seconds=10)

router = APIRouter(route_class=PageRoute, include_in_schema=False)

AsksToSee = Annotated[Caller, Depends(PageAsks(Action.SEE_CHANNELS))]
AsksToChange = Annotated[Caller, Depends(PageAsks(Action.CHANGE_CHANNELS))]
OfPlatform = Annotated[str, Query(min_length=1, max_length=31)]
OfChannel = Annotated[str, Query(min_length=1, max_length=INDEXED_MAX_BYTES)]
Named = Annotated[str, Query(max_length=INDEXED_MAX_BYTES, pattern=r"^[^\x00]*$")]


@router.get(addresses.CHANNELS)
async def list_(
    request: Request,
    caller: AsksToSee,
    known: ChannelsKnown,
    rules: KnownRules,
    search: Named = "",
    platform: Named = "",
    page: PageNumber = 1,
) -> Response:
    """Show the channels that are known, with what holds in each, and the rules for platforms and for all."""
    search = search.strip()
    found, total = await known.page(caller, search, platform or None, size=CHANNELS_A_PAGE, number=page)
    if page > 1 and not found:
        found, total = await known.page(caller, search, platform or None, size=CHANNELS_A_PAGE, number=1)
        page = 1
    everything = await rules.find(caller)
    return render(
        request,
        "channels/templates/channels.html",
        here="channels",
        channels=channel_views(found, await known.lines(caller, found)),
        defaults=[
            (place, holding(place[0], [rule for rule in everything if _bears(rule, place)]))
            for place in DEFAULTS
        ],
        rules={(rule.platform, rule.channel) for rule in everything},
        paging=Paging.nearest(page, total, size=CHANNELS_A_PAGE),
        search=search,
        platform=platform,
        platforms=WITHOUT_STATE,
        may_opt_out=may_at_all(caller, Action.OPT_OUT_PEOPLE),
        list_url=lambda number: _list(search, platform, number),
        rule_url=rule_url,
    )


@router.get(addresses.CHANNELS + "/rule")
async def rule(
    request: Request,
    caller: AsksToSee,
    known: ChannelsKnown,
    rules: KnownRules,
    platform: OfPlatform,
    channel: OfChannel,
) -> Response:
    """Show what holds in a channel, why and since when, and the form to change it."""
    return await _show(request, caller, known, rules, platform, channel, None)


@router.get(addresses.CHANNELS + "/go")
async def go(caller: AsksToSee, platform: OfPlatform, channel: Named = "") -> Response:  # noqa: ARG001
    """Go to a channel by its id, whether it is known or not."""
    return RedirectResponse(rule_url(platform, channel.strip() or ALL), HTTPStatus.SEE_OTHER)


@router.post(addresses.CHANNELS + "/rule")
async def set_(
    request: Request,
    caller: AsksToChange,
    known: ChannelsKnown,
    rules: KnownRules,
    platform: OfPlatform,
    channel: OfChannel,
    preview: Annotated[bool, Form()] = False,
) -> Response:
    """Set a channel's rule, or show what is wrong with the form; with `preview`, only what it would do."""
    asked = read_rule(await request.form())
    if asked.values is None or preview:
        return await _show(request, caller, known, rules, platform, channel, asked)
    await rules.set(caller, platform, channel, asked.values)
    return RedirectResponse(rule_url(platform, channel), HTTPStatus.SEE_OTHER)


@router.post(addresses.CHANNELS + "/rule/unset")
async def unset(
    caller: AsksToChange, rules: KnownRules, platform: OfPlatform, channel: OfChannel
) -> Response:
    """Take a channel's rule away."""
    await rules.unset(caller, platform, channel)
    return RedirectResponse(rule_url(platform, channel), HTTPStatus.SEE_OTHER)


@router.post(addresses.CHANNELS + "/rule/restore")
async def restore(
    caller: AsksToChange,
    rules: KnownRules,
    platform: OfPlatform,
    channel: OfChannel,
    valid_from: Annotated[datetime, Form()],
) -> Response:
    """Have a channel's rule be again what it was."""
    await rules.restore(caller, platform, channel, valid_from)
    return RedirectResponse(rule_url(platform, channel), HTTPStatus.SEE_OTHER)


def rule_url(platform: str, channel: str) -> str:
    """Return the address of a channel's rule."""
    return f"{addresses.CHANNELS}/rule?{urlencode({'platform': platform, 'channel': channel})}"


async def _show(
    request: Request,
    caller: Caller,
    known: KnownChannels,
    rules: ChannelRules,
    platform: str,
    channel: str,
    asked: AskedRule | None,
) -> Response:
    line = await known.line(caller, platform, channel)
    own = next((one for one in line if (one.platform, one.channel) == (platform, channel)), None)
    rest = [one for one in line if one is not own]
    now = holding(platform, line)
    context: dict[str, Any] = {"effects": None}
    if asked is not None and asked.values is not None:
        wanted = ChannelConfig(platform, channel, **asked.values)
        context = {"effects": effects(now, holding(platform, [wanted, *rest]))}
    thing = channel_thing(platform, channel)
    return render(
        request,
        "channels/templates/rule.html",
        status=HTTPStatus.UNPROCESSABLE_ENTITY if asked and asked.errors else HTTPStatus.OK,
        here="channels",
        platform=platform,
        channel=channel,
        name=None if channel == ALL else await known.name_of(caller, platform, channel),
        held=list(now.values()),
        inherited=holding(platform, rest),
        has_rule=own is not None,
        form=asked.form if asked else form_of(own),
        errors=asked.errors if asked else {},
        holds_from=datetime.now(UTC) + HOLDS_AFTER,
        history=history_of(await rules.versions(caller, platform, channel), datetime.now(UTC)),
        lately=await known.lately(caller, platform, channel),
        may_change=may(caller, Action.CHANGE_CHANNELS, thing),
        deletions=DELETIONS,
        exemptions=EXEMPTIONS,
        rule_url=rule_url,
        **context,
    )


def _bears(rule: ChannelConfig, place: tuple[str, str]) -> bool:
    return (rule.platform, rule.channel) in {place, (ALL, ALL)}


def _list(search: str, platform: str, page: int = 1) -> str:
    query = {"search": search, "platform": platform, "page": page if page > 1 else ""}
    given = {name: value for name, value in query.items() if value}
    return f"{addresses.CHANNELS}?{urlencode(given)}" if given else addresses.CHANNELS
