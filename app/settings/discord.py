"""Discord's gateway, as a connector listens to it."""

from typing import Annotated, ClassVar

from pydantic import AfterValidator, BeforeValidator

from app.settings.area import Area
from app.settings.errors import ConfigurationError
from app.settings.values import OptionalSecret, OptionalUrl, split_on_commas

#: What may be asked for beside servers and their messages; for all but direct messages, Discord has to know.
INTENTS = ("message_content", "guild_members", "direct_messages")


def _check_intents(names: tuple[str, ...]) -> tuple[str, ...]:
    for name in names:
        if name not in INTENTS:
            raise ValueError(f"not intents; accepted: some of {','.join(INTENTS)}")
    return tuple(name for name in INTENTS if name in names)


IntentNames = Annotated[tuple[str, ...], BeforeValidator(split_on_commas), AfterValidator(_check_intents)]


class DiscordSettings(Area):
    """As which bot to listen, and to what."""

    prefix: ClassVar[str] = "discord_"

    token: OptionalSecret = None
    intents: IntentNames = ("message_content",)
    api_url: OptionalUrl = None

    def require_token(self) -> str:
        """Return DISCORD_TOKEN in clear.

        Raises:
            ConfigurationError: it is not set.
        """
        if self.token is None:
            raise ConfigurationError(
                "DISCORD_TOKEN is not set; accepted: the token of a bot, from the developer portal"
            )
        return self.token.get_secret_value()
