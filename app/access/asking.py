"""What a route is asked for, said in its signature: a dependency that lets in whoever may do that at all.

Each route of the application has one, and a test fails for one that has none and is not among those that are
open to all. With which things a caller may do it, is asked of each thing where it is found. Those of the
API refuse by the same what they do not know (`app.access.unknown_parameters`), so that none goes without.
"""

from typing import Annotated

from fastapi import Depends, Request

from app.access.errors import NotAllowed
from app.access.requests import require_caller, require_page_caller
from app.access.unknown_parameters import refuse_unknown_parameters
from models.access import Action, Caller, may_at_all


class Asks:
    """Gives a route of the API its caller, if their roles have the action.

    Args:
        action: what the route does.
    """

    def __init__(self, action: Action) -> None:
        self.action = action

    async def __call__(self, request: Request, caller: Annotated[Caller, Depends(require_caller)]) -> Caller:
        """Return who asks.

        Raises:
            NotAllowed: none of their roles lets anybody do this.
            NotSignedIn, ForgedRequest, KeysUnavailable, ServiceDown: as `require_caller` does.
            RequestValidationError: they ask by what the route does not know.
        """
        self._let_in(caller)
        refuse_unknown_parameters(request)
        return caller

    def _let_in(self, caller: Caller) -> Caller:
        if not may_at_all(caller, self.action):
            raise NotAllowed(f"None of your roles lets you do this ({self.action}).")
        return caller


class PageAsks(Asks):
    """Gives a page its caller, by their session alone, if their roles have the action."""

    async def __call__(  # type: ignore[override]  # FastAPI gives what the signature names
        self, caller: Annotated[Caller, Depends(require_page_caller)]
    ) -> Caller:
        """Return who asks.

        Raises:
            NotAllowed: none of their roles lets anybody do this.
            SignInNeeded, ForgedRequest, ServiceDown: as `require_page_caller` does.
        """
        return self._let_in(caller)
