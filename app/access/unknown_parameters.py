"""What a request to the API asks for by a name that its route does not know: refused, never ignored.

An ignored `platfrom=twitch` would be answered with everything, as if that were all of Twitch. Who is not let
in hears of that alone. Pages, health and what platforms call take whatever is added to their addresses.
"""

from __future__ import annotations

from difflib import get_close_matches
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from fastapi import params
from fastapi.dependencies.utils import get_flat_params
from fastapi.exceptions import RequestValidationError

if TYPE_CHECKING:
    from collections.abc import Callable

    from fastapi import Request
    from fastapi.routing import APIRoute

#: So many are told of, and so much of each: whoever sends more reads no more.
_TOLD_MAX, _NAME_MAX = 10, 60
#: By what answers: working it out takes longer than many a request does.
_KNOWN: WeakKeyDictionary[Callable[..., Any], tuple[str, ...]] = WeakKeyDictionary()


def refuse_unknown_parameters(request: Request) -> None:
    """Make sure that a request's route knows each of its query parameters.

    Raises:
        RequestValidationError: it does not; answered with 422, by name, with what may have been meant.
    """
    if not request.scope["query_string"]:
        return
    known = known_parameters(request.scope["route"])
    unknown = [name for name in request.query_params if name not in known]
    if unknown:
        raise RequestValidationError(
            [
                {"type": "extra_forbidden", "loc": ("query", name[:_NAME_MAX]), "msg": _advice(name, known)}
                for name in unknown[:_TOLD_MAX]
            ]
        )


def known_parameters(route: APIRoute) -> tuple[str, ...]:
    """Return the names of all query parameters that a route reads, in its dependencies too."""
    known = _KNOWN.get(route.endpoint)
    if known is None:
        fields = get_flat_params(route.dependant)
        known = tuple(field.alias for field in fields if isinstance(field.field_info, params.Query))
        _KNOWN[route.endpoint] = known
    return known


def _advice(name: str, known: tuple[str, ...]) -> str:
    if not known:
        return "not known here; no parameter is"
    meant = get_close_matches(name[:_NAME_MAX].lower(), known, n=1)
    return (
        f"not known here; did you mean `{meant[0]}`?"
        if meant
        else f"not known here; known: {', '.join(known)}"
    )
