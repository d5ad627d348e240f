"""What platforms prove by that it is they who call a webhook of the API."""

from typing import Annotated, Self

from pydantic import AfterValidator, SecretStr, model_validator

from app.settings.area import Area
from app.settings.values import EmptyIsUnset, OptionalSecret

#: What Twitch takes as the secret of a subscription.
_TWITCH_MIN, _TWITCH_MAX = 10, 100


def _as_twitch_takes_it(value: SecretStr) -> SecretStr:
    secret = value.get_secret_value()
    if not (secret.isascii() and _TWITCH_MIN <= len(secret) <= _TWITCH_MAX):
        raise ValueError(
            f"not what Twitch takes; accepted: {_TWITCH_MIN} to {_TWITCH_MAX} characters of ASCII"
        )
    return value


OptionalTwitchSecret = Annotated[
    Annotated[SecretStr, AfterValidator(_as_twitch_takes_it)] | None, EmptyIsUnset
]


class WebhookSettings(Area):
    """The secrets that are shared with platforms; a webhook whose secret is unset is not there."""

    meta_verify_token: OptionalSecret = None
    meta_app_secret: OptionalSecret = None
    twitch_eventsub_secret: OptionalTwitchSecret = None

    @model_validator(mode="after")
    def _agree(self) -> Self:
        if (self.meta_verify_token is None) != (self.meta_app_secret is None):
            raise ValueError("META_VERIFY_TOKEN and META_APP_SECRET go together: set both or neither")
        return self
