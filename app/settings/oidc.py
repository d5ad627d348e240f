"""Signing in to the pages by an identity provider (OpenID Connect)."""

from typing import Annotated, ClassVar, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, model_validator

from app.settings.area import Area
from app.settings.values import EmptyIsUnset, OptionalSecret, OptionalText
from models.hosts import is_safe_url


def _check_issuer(value: str | None) -> str | None:
    # Letter by letter what the provider calls itself, a slash at its end included.
    if value is not None and (not is_safe_url(value) or urlsplit(value).query):
        raise ValueError("not an issuer; accepted: https://host/path as its provider writes it")
    return value


def _check_scopes(value: str) -> str:
    if "openid" not in value.split():
        raise ValueError("without openid; accepted: openid and what else is asked for, separated by spaces")
    return value


OptionalIssuer = Annotated[str | None, EmptyIsUnset, AfterValidator(_check_issuer)]
Scopes = Annotated[str, AfterValidator(_check_scopes)]


class OidcSettings(Area):
    """The provider, and as which of its clients we are registered there."""

    prefix: ClassVar[str] = "oidc_"

    issuer: OptionalIssuer = None
    client_id: OptionalText = None
    client_secret: OptionalSecret = None
    scopes: Scopes = "openid email profile"

    @model_validator(mode="after")
    def _agree(self) -> Self:
        if (self.issuer is None) != (self.client_id is None):
            raise ValueError("OIDC_ISSUER and OIDC_CLIENT_ID go together: set both or neither")
        if self.client_secret is not None and self.issuer is None:
            raise ValueError("OIDC_CLIENT_SECRET is for a client at OIDC_ISSUER, which is not set")
        return self
