"""Claims and callers: what a token or a session says of who asks, read and written.

A token comes from an issuer that others look after too, so what it says beyond what is known here is passed
over where that gives less, and refused where it would give more: a role that is not ours is none, but a
tenant or a scope that cannot be read is no reason to go without.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

from app.access.errors import NotSignedIn
from app.postgres.answers import is_storable
from app.postgres.tenants import EVERY_TENANT
from models.access import DEFAULT_TENANT, LEARNER_KIND, Caller, CallerRole
from models.owners import ADDRESS_MAX, NO_ADDRESS, instead_of_address, owner_address

if TYPE_CHECKING:
    from collections.abc import Mapping

    from app.settings.api import ApiSettings

_TENANT_MAX = 200
#: What OpenID Connect allows (Core, 2).
_ID_MAX = 255
#: Where a tenant is looked for too, as long as no setting says where it is.
_TENANT, _TENANT_TOO = "tenant", "tenant_id"
#: What OpenID Connect calls scopes: what is told of a person, and nothing that they are narrowed to.
_SCOPES_OF_OPENID = frozenset({"openid", "profile", "email", "address", "phone", "offline_access"})


@dataclass(frozen=True, slots=True)
class ClaimNames:
    """Which claim says what. A name with dots is also a path (`realm_access.roles`).

    Attributes:
        email: whose it is.
        user: the issuer's own id of them.
        tenant: whose people they are among; a text.
        roles: a list, or one text with spaces between.
        scope: a list, or one text with spaces between, each `kind:id`.
        learners: a list, or one text with spaces between, of the ids of learners; they join the scope.
    """

    email: str
    user: str
    tenant: str
    roles: str
    scope: str
    learners: str

    @classmethod
    def of(cls, api: ApiSettings) -> Self:
        """Return the names that settings give."""
        return cls(
            api.jwt_email_claim,
            api.jwt_user_claim,
            api.jwt_tenant_claim,
            api.jwt_roles_claim,
            api.jwt_scope_claim,
            api.jwt_learner_claim,
        )


def caller_of(claims: Mapping[str, Any], names: ClaimNames) -> Caller:
    """Return whom the claims of a good token name.

    Raises:
        NotSignedIn: nobody, or somebody whose tenant or scope cannot be read.
    """
    user = _user_in(claims, names.user)
    email = _email_in(claims, names.email, user)
    user = user or email
    roles = _roles_in(claims, names.roles) or frozenset({CallerRole.OWNER})
    scope = _scope_in(claims, names)
    if roles == {CallerRole.LEARNER} and not any(part.startswith(f"{LEARNER_KIND}:") for part in scope):
        # Whose threads theirs are, a learner's own token need not say.
        scope |= {f"{LEARNER_KIND}:{user}"}
    return Caller(email, _tenant_in(claims, names.tenant), roles, scope, user)


def claims_of(caller: Caller, names: ClaimNames) -> dict[str, Any]:
    """Return claims by which `caller_of` knows the caller."""
    claims: dict[str, Any] = {
        names.email: caller.email,
        names.tenant: caller.tenant,
        names.roles: sorted(caller.roles),
    }
    if caller.id != caller.email:
        claims[names.user] = caller.id
    return claims | ({names.scope: sorted(caller.scope)} if caller.scope else {})


def claim(claims: Mapping[str, Any], name: str) -> Any:
    """Return the claim of this name, or else the one at this path; None if there is neither."""
    if name in claims:
        return claims[name]
    found: Any = claims
    for part in name.split("."):
        if not isinstance(found, dict):
            return None
        found = found.get(part)
    return found


def _email_in(claims: Mapping[str, Any], name: str, user: str | None) -> str:
    email = claim(claims, name)
    # Some issuers write it as a string.
    is_unverified = email is not None and str(claims.get("email_verified", True)).lower() == "false"
    if email is None and user is not None:
        email = instead_of_address(user)
    elif isinstance(email, str):
        email = owner_address(email)
    if not isinstance(email, str) or not 0 < len(email) <= ADDRESS_MAX or not email.isprintable():
        raise NotSignedIn(
            "The token names nobody: its claim for the email address is missing or empty, and so is the one "
            "for the user."
        )
    if email.startswith(NO_ADDRESS) and (user is None or email != instead_of_address(user)):
        raise NotSignedIn("The token names somebody by what is no email address.")
    if is_unverified:
        raise NotSignedIn("The email address of the token is not verified: confirm it first.")
    return email


def _user_in(claims: Mapping[str, Any], name: str) -> str | None:
    """Return the id of the user; None if there is none by which somebody could be known."""
    user = claim(claims, name)
    is_one = isinstance(user, str) and 0 < len(user) <= _ID_MAX and user.isprintable() and not user.isspace()
    return user if is_one else None


def _tenant_in(claims: Mapping[str, Any], name: str) -> str:
    tenant = claim(claims, name)
    if tenant is None and name == _TENANT:
        tenant = claim(claims, _TENANT_TOO)
    if tenant is None:
        return DEFAULT_TENANT
    if (
        tenant == EVERY_TENANT
        or not isinstance(tenant, str)
        or not 0 < len(tenant) <= _TENANT_MAX
        or not tenant.isprintable()
    ):
        raise NotSignedIn("The token's claim for the tenant is not a name: its issuer has to mend that.")
    return tenant


def _roles_in(claims: Mapping[str, Any], name: str) -> frozenset[CallerRole]:
    named = _texts(claim(claims, name)) or []
    return frozenset(role for role in CallerRole if role in named)


def _scope_in(claims: Mapping[str, Any], names: ClaimNames) -> frozenset[str]:
    parts, learners = (_texts(claim(claims, name)) for name in (names.scope, names.learners))
    # What can be no name of anything is no name.
    if parts is None or learners is None or not is_storable("".join(parts + learners)):
        raise _unreadable_scope()
    scope = (frozenset(parts) - _SCOPES_OF_OPENID) | {f"{LEARNER_KIND}:{learner}" for learner in learners}
    if f"{LEARNER_KIND}:" in scope:
        # Nobody is called so; an issuer writes it that has not filled in who.
        raise _unreadable_scope()
    return scope


def _unreadable_scope() -> NotSignedIn:
    return NotSignedIn("The token's claim for the scope cannot be read: its issuer has to mend that.")


def _texts(claim: object) -> list[str] | None:
    """Return the texts of a list, or of one text with spaces between; None if it is neither."""
    if claim is None:
        return []
    if isinstance(claim, str):
        return claim.split()
    if isinstance(claim, list) and all(isinstance(part, str) for part in claim):
        return claim
    return None
