"""Where the API and its pages are, and what they know people by."""

from ipaddress import ip_network
from typing import Annotated, ClassVar, Literal

from pydantic import AfterValidator, BeforeValidator, Field, SecretStr

from app.settings.area import Area
from app.settings.values import EmptyIsUnset, Host, OptionalText, OptionalUrl, split_on_commas


def _long_enough(value: SecretStr) -> SecretStr:
    if len(value) < SIGNING_SECRET_MIN:
        raise ValueError(f"too short; accepted: {SIGNING_SECRET_MIN} characters or more")
    return value


def _check_networks(names: tuple[str, ...]) -> tuple[str, ...]:
    try:
        return tuple(str(ip_network(name)) for name in names)
    except ValueError:
        raise ValueError("not addresses; accepted: 10.0.0.7, 10.0.0.0/8, fd00::/8, …") from None


#: A key of HS256 shorter than its hash can be guessed from a token (RFC 7518, 3.2).
SIGNING_SECRET_MIN = 32

SigningSecret = Annotated[SecretStr, AfterValidator(_long_enough)]
OptionalSigningSecret = Annotated[SigningSecret | None, EmptyIsUnset]
Networks = Annotated[tuple[str, ...], BeforeValidator(split_on_commas), AfterValidator(_check_networks)]


#: By which a secret signs; a key of another kind has its own (`app.access.tokens`).
SecretAlgorithm = Literal["HS256", "HS384", "HS512"]


class ApiSettings(Area):
    """The address of the API, the keys of its tokens, and its sessions."""

    prefix: ClassVar[str] = "api_"

    host: Host = "127.0.0.1"
    port: int = Field(default=8000, ge=1, le=65535)
    public_url: OptionalUrl = None
    # Whose word counts on where a request comes from
    trusted_proxies: Networks = ()
    jwt_secret: OptionalSigningSecret = None
    jwt_algorithm: SecretAlgorithm = "HS256"
    jwks_url: OptionalUrl = None
    jwt_issuer: OptionalText = None
    jwt_audience: OptionalText = None
    jwt_email_claim: str = Field(default="email", min_length=1)
    jwt_user_claim: str = Field(default="sub", min_length=1)
    jwt_tenant_claim: str = Field(default="tenant", min_length=1)
    jwt_roles_claim: str = Field(default="roles", min_length=1)
    jwt_scope_claim: str = Field(default="scope", min_length=1)
    jwt_learner_claim: str = Field(default="learner_scope", min_length=1)
    session_secret: OptionalSigningSecret = None
    session_hours: float = Field(default=12.0, gt=0, le=24 * 30)
