"""`chatlog token`: make a token for the API, or a link that signs in to the pages."""

from __future__ import annotations

from datetime import timedelta

import click

from app.settings import ConfigurationError, load_settings
from models.access import DEFAULT_TENANT, Caller, CallerRole

_ROLES = "\b\nWhat the roles may:\n" + "\n".join(f"  {role.value:<11} {role.label}" for role in CallerRole)


@click.command(epilog=_ROLES)
@click.argument("email")
@click.option(
    "--hours",
    type=click.FloatRange(0, 24 * 366, min_open=True),
    default=12.0,
    show_default=True,
    help="How long it counts.",
)
@click.option(
    "--role",
    "roles",
    multiple=True,
    type=click.Choice([role.value for role in CallerRole]),
    default=[CallerRole.OWNER.value],
    show_default=True,
    help="What they may, see below; once for each role.",
)
@click.option("--tenant", default=DEFAULT_TENANT, show_default=True, help="Whose people they are among.")
@click.option("--id", "user", default="", metavar="ID", help="Who they are beside EMAIL: a learner's id.")
@click.option(
    "--scope",
    "scopes",
    multiple=True,
    metavar="KIND:ID",
    help="Narrow it to what lies within this (survey:Baseline); once for each.",
)
@click.option("--link", is_flag=True, help="Print a link that signs in to the pages instead.")
def token(
    email: str,
    hours: float,
    roles: tuple[str, ...],
    tenant: str,
    user: str,
    scopes: tuple[str, ...],
    *,
    link: bool,
) -> None:
    """Print a token with which the API takes whoever has it for EMAIL.

    It is signed with API_JWT_SECRET. Send it as `Authorization: Bearer TOKEN`. In a link it is behind a #,
    which browsers send to no server; whoever has the link can sign in, as with the token.
    """
    settings = load_settings()
    if settings.api.jwt_secret is None:
        raise ConfigurationError(
            "API_JWT_SECRET is not set: there is nothing to sign a token with; accepted: at least 32 random "
            "characters (tokens for API_JWKS_URL come from its issuer)"
        )
    if "@" not in email or not email.isprintable():
        raise click.BadParameter("not an email address", param_hint="EMAIL")
    if not tenant.strip() or not tenant.isprintable():
        raise click.BadParameter("not a name", param_hint="--tenant")
    if user and (not user.strip() or not user.isprintable()):
        raise click.BadParameter("not an id", param_hint="--id")
    for scope in scopes:
        if not all(scope.partition(":")):
            raise click.BadParameter(f"not KIND:ID: {scope}", param_hint="--scope")
    caller = Caller(email, tenant, frozenset(CallerRole(role) for role in roles), frozenset(scopes), user)
    from app.access import mint  # noqa: PLC0415  loads FastAPI
    from app.web.public_address import address_of, check_address  # noqa: PLC0415

    if link:
        # A link to where the API would not even start helps nobody.
        check_address(settings.api)
    made = mint(settings.api, caller, timedelta(hours=hours))
    click.echo(f"{address_of(settings.api)}/sign-in#token={made}" if link else made)
