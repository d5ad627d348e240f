"""Routes of which nobody may ask too much: the address is counted before anything else, then the caller.

So who has no token, or sends what cannot be read, is counted too. Such routes have `LimitedAsks` in the place
of `Asks`, and their router has `LimitedRoute` as its class.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from fastapi import Depends, Request
from fastapi.routing import APIRoute

from app.access.asking import Asks
from app.access.client_address import client_address
from app.access.requests import require_caller
from models.access import Caller  # noqa: TC001  FastAPI reads the signature

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from fastapi import Response
    from fastapi.dependencies.models import Dependant

    from app.access.rate_limits import RateLimits
    from models.access import Action


class LimitedAsks(Asks):
    """Gives a route of the API its caller, as `Asks` does, if that is not one request too many.

    Args:
        action: what the route does.
        limits: by which it is limited: the name of one of the application's.
    """

    def __init__(self, action: Action, limits: str = "rate_limits") -> None:
        super().__init__(action)
        self._limits = limits

    async def __call__(self, request: Request, caller: Annotated[Caller, Depends(require_caller)]) -> Caller:
        """Return who asks; whatever they are answered says how far they are (`app.web.answers`).

        Raises:
            TooManyRequests: they ask too much.
            NotAllowed, NotSignedIn, ForgedRequest, KeysUnavailable, ServiceDown: as `Asks` does.
            RequestValidationError: the same.
        """
        standing = await self._limits_of(request).count_caller(caller)
        if standing is not None:
            request.state.answer_headers = standing.headers
        return await super().__call__(request, caller)

    async def count_address(self, request: Request) -> None:
        """Count from where a request comes.

        Raises:
            TooManyRequests: whoever asks from there asks too much.
        """
        await self._limits_of(request).count_address(client_address(request))

    def _limits_of(self, request: Request) -> RateLimits:
        limits: RateLimits = getattr(request.app.state, self._limits)
        return limits


class LimitedRoute(APIRoute):
    """A route that counts the address before it reads the request, where it has `LimitedAsks`."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Return what answers a request."""
        answer = super().get_route_handler()
        asks = _limited_asks_of(self.dependant)
        if asks is None:
            return answer

        async def count_and_answer(request: Request) -> Response:
            await asks.count_address(request)
            return await answer(request)

        return count_and_answer


def _limited_asks_of(dependant: Dependant) -> LimitedAsks | None:
    """Return the `LimitedAsks` among all that a route depends on; none has two."""
    if isinstance(dependant.call, LimitedAsks):
        return dependant.call
    return next(filter(None, map(_limited_asks_of, dependant.dependencies)), None)
