"""How much anybody may ask of the API, and where that is counted."""

from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, SecretStr

from app.settings.area import Area
from app.settings.values import EmptyIsUnset, matching

_AMOUNT = r"[1-9][0-9]{0,8} ?/ ?(second|minute|hour|day)"
_ACCEPTED = "amounts as 1000/second or 100/second;50000/hour; empty for no limit"


def _check_redis_url(value: SecretStr) -> SecretStr:
    parts = urlsplit(value.get_secret_value())
    if parts.scheme not in {"redis", "rediss"} or not parts.hostname:
        raise ValueError("not a URL of a Redis; accepted: redis://user:password@host:port/0, or rediss://")
    return value


OptionalAmounts = Annotated[
    Annotated[str, matching(f"{_AMOUNT}( ?; ?{_AMOUNT})*", _ACCEPTED)] | None, EmptyIsUnset
]
OptionalRedisUrl = Annotated[Annotated[SecretStr, AfterValidator(_check_redis_url)] | None, EmptyIsUnset]


class LimitSettings(Area):
    """Amounts for each caller and for each address; several APIs count together where they have a Redis."""

    enable_rate_limiting: bool = True
    rate_limit_caller: OptionalAmounts = "1000/second"
    rate_limit_address: OptionalAmounts = "1000/second"
    rate_limit_threads_caller: OptionalAmounts = "60/minute"
    rate_limit_threads_address: OptionalAmounts = "60/minute"
    redis_url: OptionalRedisUrl = None

    @property
    def of_turns(self) -> tuple[str | None, str | None]:
        """How many turns a caller may log, and whoever asks from an address; None for no limit."""
        return self._if_on(self.rate_limit_caller, self.rate_limit_address)

    @property
    def of_threads(self) -> tuple[str | None, str | None]:
        """How often a caller may ask for threads, and whoever asks from an address; None for no limit."""
        return self._if_on(self.rate_limit_threads_caller, self.rate_limit_threads_address)

    def _if_on(self, caller: str | None, address: str | None) -> tuple[str | None, str | None]:
        return (caller, address) if self.enable_rate_limiting else (None, None)
