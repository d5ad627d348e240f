"""Who may look inside: the rule for the web views of workers and for the figures of the API.

With WEB_TOKEN, everything but health needs it. Without, only this machine may look: who listens for others
too answers nobody, and requests must name a loopback host: else a page on the web could make its own name
point to 127.0.0.1 and have the visitor's browser read the answers for it (DNS rebinding).
"""

from __future__ import annotations

import hmac
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from aiohttp import BasicAuth
from yarl import URL

from models.hosts import is_loopback

if TYPE_CHECKING:
    from collections.abc import Mapping

#: A browser asks its user for a name, which is ignored, and a password, which is the token.
_OFFERS = {"WWW-Authenticate": 'Basic realm="chatlog", charset="UTF-8", Bearer realm="chatlog"'}


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why somebody may not look.

    Attributes:
        status: of the answer.
        reason: what to do, for whoever asked.
        headers: of the answer.
    """

    status: int
    reason: str
    headers: Mapping[str, str] = field(default_factory=dict)


def refusal(token: str | None, *, authorization: str, host: str, is_local: bool) -> Refusal | None:
    """Return why a request may not look inside; None if it may.

    Args:
        token: WEB_TOKEN.
        authorization: the request's header `Authorization`; empty without.
        host: the request's header `Host`; empty without.
        is_local: whether nobody beyond this machine can send such a request, were it through a proxy.
    """
    if token is not None:
        if holds(token, authorization):
            return None
        return Refusal(401, "send Authorization: Bearer and the value of WEB_TOKEN", _OFFERS)
    if not is_local:
        return Refusal(403, "set WEB_TOKEN to have this answered beyond the machine itself")
    if not _names_loopback(host):
        return Refusal(421, "without WEB_TOKEN this is answered to localhost only")
    return None


def holds(token: str, authorization: str) -> bool:
    """Tell whether an Authorization header holds the token: as Bearer, or as the password of Basic."""
    scheme, _, credentials = authorization.partition(" ")
    if scheme.lower() == "bearer":
        presented = credentials.strip()
    else:
        try:
            presented = BasicAuth.decode(authorization, encoding="utf-8").password
        except ValueError:
            return False
    # What is not UTF-8 comes as surrogates, which cannot be encoded otherwise.
    return hmac.compare_digest(presented.encode(errors="surrogateescape"), token.encode())


def _names_loopback(host: str) -> bool:
    try:
        return is_loopback(URL(f"http://{host}").host or "")
    except ValueError:
        return False
