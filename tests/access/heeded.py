"""What of a query routes heed, for tests that ask every route for the same.

Pages take whatever is added to their addresses; routes of the API refuse what they do not know before they
look for anything, so that there nothing would be tried.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from fastapi.routing import iter_route_contexts

from app.access import PageAsks
from app.access.unknown_parameters import known_parameters
from tests.access.test_routes_ask import asks_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from fastapi import FastAPI
    from fastapi.routing import RouteContext

Value = TypeVar("Value")


def routes_of_api(app: FastAPI) -> Iterator[RouteContext]:
    """Yield the routes that programs ask as somebody."""
    for context in iter_route_contexts(app.routes):
        asked = list(asks_of(context.dependant)) if hasattr(context, "dependant") else []
        if asked and not isinstance(asked[0], PageAsks):
            yield context


class Heeded:
    """Knows what each route of the API takes.

    Args:
        app: whose routes.
    """

    def __init__(self, app: FastAPI) -> None:
        self._known = {
            (method, context.path): known_parameters(context.original_route)  # type: ignore[arg-type]
            for context in routes_of_api(app)
            for method in context.methods or ()
        }

    def of(self, method: str, path: str, query: Mapping[str, Value]) -> dict[str, Value]:
        """Return what of a query a route heeds; a page, all of it."""
        known = self._known.get(("GET" if method == "HEAD" else method, path))
        return {name: value for name, value in query.items() if known is None or name in known}
