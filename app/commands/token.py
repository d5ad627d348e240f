"""`chatlog token`: make a token for the API, or a link that signs in to the pages."""

from __future__ import annotations

from datetime import timedelta

import click

from app.settings import ConfigurationError, load_settings


@click.command()
@click.argument("email")
@click.option(
    "--hours",
    type=click.FloatRange(0, 24 * 366, min_open=True),
    default=12.0,
    show_default=True,
    help="How long it counts.",
)
@click.option("--link", is_flag=True, help="Print a link that signs in to the pages instead.")
def token(email: str, hours: float, *, link: bool) -> None:
    """Print a token with which the API takes whoever has it for EMAIL.

    It is signed with API_JWT_SECRET. Send it as `Authorization: Bearer TOKEN`. In a link it is behind a #,
    which browsers send to no server; whoever has the link can sign in, as with the token.
    """
    settings = load_settings()
    if settings.api_jwt_secret is None:
        raise ConfigurationError(
            "API_JWT_SECRET is not set: there is nothing to sign a token with; accepted: at least 32 random "
            "characters (tokens for API_JWKS_URL come from its issuer)"
        )
    if "@" not in email or not email.isprintable():
        raise click.BadParameter("not an email address", param_hint="EMAIL")
    from app.access import mint  # noqa: PLC0415  loads FastAPI
    from app.commands.api import check_address  # noqa: PLC0415
    from app.web.serving import address_of  # noqa: PLC0415

    if link:
        # A link to where the API would not even start helps nobody.
        check_address(settings)
    made = mint(settings, email, timedelta(hours=hours))
    click.echo(f"{address_of(settings)}/sign-in#token={made}" if link else made)
