"""The identity provider that people sign in by: OpenID Connect, authorization code flow with PKCE.

There is one, named by OIDC_ISSUER, so no answer of another can be taken for its own. A code goes to its token
endpoint and nowhere else, and neither codes nor tokens are logged or kept.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from yarl import URL

from app.access.claims import ClaimNames, caller_of, claim
from app.access.errors import KeysUnavailable, NotSignedIn, ProviderUnavailable, SignInDenied
from app.access.issuer_keys import IssuerKeys
from app.access.openid import id_tokens
from app.access.openid.callback import code_in
from app.access.openid.discovery import Discovery
from app.access.openid.endpoints import Client, redeem, unusable, userinfo
from app.access.openid.pending import PendingSignIns, challenge_of
from app.access.sessions import session_secret
from app.settings import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from app.access.openid.metadata import Metadata
    from app.access.openid.pending import PendingSignIn
    from app.settings.api import ApiSettings
    from app.settings.oidc import OidcSettings
    from models.access import Caller

#: Where providers send browsers back to, at our public address: what is registered there.
CALLBACK_PATH = "/sign-in/callback"


class IdentityProvider:
    """Sends people to the provider, and learns from it who came back.

    Args:
        client: as what we are registered there.
        pending: knows the sign-ins that are under way.
        names: which of its claims says what.
    """

    def __init__(self, client: Client, pending: PendingSignIns, names: ClaimNames) -> None:
        self._client = client
        self._names = names
        self.pending = pending
        self.discovery = Discovery(client.issuer)
        self._keys: IssuerKeys | None = None

    @property
    def name(self) -> str:
        """What people know it by: its host."""
        return URL(self._client.issuer).host or self._client.issuer

    async def address_for(self, pending: PendingSignIn) -> str:
        """Return where a person signs in there.

        Raises:
            ProviderUnavailable: it does not say.
        """
        endpoint = (await self.discovery.metadata()).authorization_endpoint
        query = {
            "response_type": "code",
            "client_id": self._client.id,
            "redirect_uri": self._client.redirect_uri,
            "scope": self._client.scopes,
            "state": pending.state,
            "nonce": self.pending.nonce_of(pending),
            "code_challenge": challenge_of(self.pending.verifier_of(pending)),
            "code_challenge_method": "S256",
        }
        return str(URL(endpoint).update_query(query))

    async def code_in(self, query: Iterable[tuple[str, str]], pending: PendingSignIn) -> str:
        """Return the code in the answer that a browser brings back.

        Raises:
            SignInRefused: it is no answer to `pending`.
            SignInDenied: the provider said no.
            ProviderUnavailable: the provider has a problem, or does not answer.
        """
        metadata = await self.discovery.metadata()
        return code_in(query, pending, issuer=self._client.issuer, says_who_answers=metadata.says_who_answers)

    async def caller_of(self, code: str, pending: PendingSignIn) -> Caller:
        """Return who came back with a code, as the provider tells.

        Raises:
            SignInRefused: it does not take the code, or what it tells is not for us or not of this sign-in.
            SignInDenied: what it tells is of nobody who can be known by it here.
            ProviderUnavailable: it does not answer as it should.
        """
        claims = await self._claims_for(code, pending)
        try:
            return caller_of(claims, self._names)
        except NotSignedIn as error:
            raise SignInDenied(f"The identity provider let you in, but that is not enough. {error}") from None

    async def _claims_for(self, code: str, pending: PendingSignIn) -> dict[str, Any]:
        metadata = await self.discovery.metadata()
        verifier = self.pending.verifier_of(pending)
        tokens = await redeem(code, self._client, metadata, verifier=verifier)
        id_token = tokens.get("id_token")
        if not isinstance(id_token, str):
            raise unusable("its token endpoint gives no ID token: see that OIDC_SCOPES has openid")
        claims = await self._claims_in(id_token, pending, metadata)
        if claim(claims, self._names.email) is not None or metadata.userinfo_endpoint is None:
            return claims
        # What the standard has by default: the claims of scopes are told here (OpenID Connect Core, 5.4).
        told = await userinfo(metadata.userinfo_endpoint, tokens.get("access_token"), subject=claims["sub"])
        return told | claims

    async def stop(self) -> None:
        """End what it does in the background."""
        if self._keys is not None:
            await self._keys.stop()

    async def _claims_in(self, id_token: str, pending: PendingSignIn, metadata: Metadata) -> dict[str, Any]:
        try:
            return await id_tokens.claims_of(
                id_token,
                await self._keys_at(metadata.jwks_uri),
                issuer=self._client.issuer,
                client_id=self._client.id,
                nonce=self.pending.nonce_of(pending),
            )
        except KeysUnavailable as error:
            raise ProviderUnavailable(
                "its key server does not answer", retry_after_s=error.retry_after_s
            ) from None

    async def _keys_at(self, url: str) -> IssuerKeys:
        if self._keys is None or self._keys.url != url:
            await self.stop()
            self._keys = IssuerKeys(url, setting="OIDC_ISSUER")
        return self._keys


def provider_named_by(oidc: OidcSettings, api: ApiSettings) -> IdentityProvider | None:
    """Return the provider that the settings name; None if they name none.

    Raises:
        ConfigurationError: a setting is missing without which nobody could sign in by it.
    """
    if oidc.issuer is None or oidc.client_id is None:
        return None
    if api.public_url is None:
        raise ConfigurationError(
            "OIDC_ISSUER needs API_PUBLIC_URL: the provider sends people back to that address, followed by "
            f"{CALLBACK_PATH}"
        )
    secret = oidc.client_secret
    client = Client(
        issuer=oidc.issuer,
        id=oidc.client_id,
        secret=secret.get_secret_value() if secret else None,
        scopes=oidc.scopes,
        redirect_uri=f"{api.public_url}{CALLBACK_PATH}",
    )
    pending = PendingSignIns(session_secret(api))
    return IdentityProvider(client, pending, ClaimNames.of(api))
