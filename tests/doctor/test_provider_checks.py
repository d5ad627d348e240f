"""What `chatlog check` says of the identity provider."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from app.doctor.findings import Finding, Level
from app.doctor.provider_checks import check_provider
from app.local.embedded import free_port
from tests.access.signing import settings_of
from tests.identity_provider import Trick
from tests.identity_provider.process import identity_provider

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.identity_provider.process import IdentityProviderProcess


@pytest.fixture(scope="module")
def provider() -> Iterator[IdentityProviderProcess]:
    with identity_provider() as started:
        yield started


async def found_at(issuer: str) -> Finding:
    settings = settings_of(
        oidc_issuer=issuer, oidc_client_id="chatlog", api_public_url="https://chat.example/"
    )
    (finding,) = await check_provider(settings.oidc, settings.api)
    return finding


async def test_a_provider_that_answers_is_well_and_what_to_register_there_is_told(
    provider: IdentityProviderProcess,
) -> None:
    finding = await found_at(provider.issuer)

    assert finding.level is Level.OK
    assert finding.message == (
        f"{provider.issuer} answers; to be registered there for chatlog: "
        "https://chat.example/sign-in/callback"
    )


@pytest.mark.parametrize(
    ("trick", "said"),
    [
        (Trick.METADATA_DOWN, "it answers with status 503"),
        (Trick.METADATA_OF_ANOTHER, "its metadata is of another issuer than OIDC_ISSUER"),
        (Trick.METADATA_WITHOUT_HTTPS, "no token_endpoint that is an https URL"),
        (Trick.KEYS_DOWN, "cannot be had: it answers with status 503"),
    ],
)
async def test_what_is_wrong_with_a_provider_is_told(
    provider: IdentityProviderProcess, trick: Trick, said: str
) -> None:
    provider.behave(trick=trick)

    finding = await found_at(provider.issuer)

    assert finding.level is Level.WRONG
    assert said in finding.message


async def test_a_provider_that_is_not_there_is_told_with_what_to_look_at() -> None:
    issuer = f"http://127.0.0.1:{free_port()}"

    finding = await found_at(issuer)

    assert finding.level is Level.WRONG
    assert finding.message == f"{issuer} cannot be signed in by: it cannot be reached: ClientConnectorError"
    assert finding.mend == "see OIDC_ISSUER, and the way to it"
