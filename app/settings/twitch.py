"""Twitch's chat, as a connector reads it."""

from typing import Annotated, ClassVar, Self

from pydantic import BeforeValidator, model_validator

from app.settings.area import Area
from app.settings.values import EmptyIsUnset, OptionalPath, OptionalSecret, matching


def _lower_case(value: object) -> object:
    return value.lower() if isinstance(value, str) else value


Login = Annotated[
    str,
    BeforeValidator(_lower_case),
    matching(r"[a-z0-9_]{1,25}", "the login of an account: 1 to 25 letters, digits and underscores"),
]
Server = Annotated[str, matching(r"(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+):[0-9]{1,5}", "host:port")]


class TwitchSettings(Area):
    """Where the chat is, and as whom it is read."""

    prefix: ClassVar[str] = "twitch_"

    irc_server: Server = "irc.chat.twitch.tv:6697"
    irc_ca_file: OptionalPath = None
    login: Annotated[Login | None, EmptyIsUnset] = None
    token: OptionalSecret = None

    @model_validator(mode="after")
    def _agree(self) -> Self:
        if (self.login is None) != (self.token is None):
            raise ValueError("TWITCH_LOGIN and TWITCH_TOKEN go together: set both or neither")
        return self
