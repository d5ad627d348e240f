"""What the routes of channels work with, and how a route gets at it."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends, Request

from app.channels.known import KnownChannels
from app.channels.service import ChannelRules


async def channel_rules_of(request: Request) -> ChannelRules:
    """Return what `app.site` put there when the application started."""
    rules: ChannelRules = request.app.state.channel_rules
    return rules


#: For signatures of routes.
KnownRules = Annotated[ChannelRules, Depends(channel_rules_of)]


async def known_channels_of(request: Request) -> KnownChannels:
    """Return what `app.site` put there when the application started."""
    known: KnownChannels = request.app.state.known_channels
    return known


ChannelsKnown = Annotated[KnownChannels, Depends(known_channels_of)]
