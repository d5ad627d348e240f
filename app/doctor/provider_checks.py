"""Whether people can sign in by the identity provider, as far as it tells those who are not registered."""

from __future__ import annotations

from typing import TYPE_CHECKING

import jwt

from app.access import CALLBACK_PATH
from app.access.foreign_servers import UnusableAnswer
from app.access.issuer_keys import fetch_keys
from app.access.openid.discovery import fetch_metadata
from app.doctor.findings import Finding, Level

if TYPE_CHECKING:
    from app.settings.api import ApiSettings
    from app.settings.oidc import OidcSettings

_AREA = "sign-in"


async def check_provider(oidc: OidcSettings, api: ApiSettings) -> list[Finding]:
    """Look at what the provider of OIDC_ISSUER publishes. Never raises for what it finds."""
    issuer = oidc.issuer
    if issuer is None:
        return []
    try:
        metadata = await fetch_metadata(issuer)
    except UnusableAnswer as error:
        mend = "see OIDC_ISSUER, and the way to it"
        return [Finding(_AREA, Level.WRONG, f"{issuer} cannot be signed in by: {error}", mend)]
    try:
        await fetch_keys(metadata.jwks_uri)
    except (UnusableAnswer, jwt.PyJWTError) as error:
        return [Finding(_AREA, Level.WRONG, f"the keys of {issuer} cannot be had: {error}")]
    return [
        Finding(
            _AREA,
            Level.OK,
            f"{issuer} answers; to be registered there for {oidc.client_id}: "
            f"{api.public_url or 'API_PUBLIC_URL'}{CALLBACK_PATH}",
        )
    ]
