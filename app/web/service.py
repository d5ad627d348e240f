"""What `GET /` tells a program: which service answers, and what it offers. People have the overview there."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from fastapi import APIRouter, Request
from fastapi.routing import APIRoute
from pydantic import BaseModel, Field
from starlette.datastructures import Headers
from starlette.routing import Match

if TYPE_CHECKING:
    from starlette.types import Scope


class _ProgramRoute(APIRoute):
    """A route that is not there for browsers, nor for scripts of our pages."""

    def matches(self, scope: Scope) -> tuple[Match, Any]:
        headers = Headers(scope=scope)
        if "text/html" in headers.get("accept", "") or "hx-request" in headers:
            return Match.NONE, {}
        return super().matches(scope)


router = APIRouter(tags=["operation"], route_class=_ProgramRoute)


class ServiceInformation(BaseModel):
    """Which service answers."""

    service: Literal["chatlog"] = "chatlog"
    version: str
    environment: str | None = Field(description="What ENVIRONMENT says.")
    features: dict[str, bool] = Field(description="What it offers, and whether that is switched on.")
    docs: Literal["/docs"] = "/docs"


@router.get("/")
async def tell_what_this_is(request: Request) -> ServiceInformation:
    """Tell which service this is, and what it offers."""
    information: ServiceInformation = request.app.state.information
    return information


def features_of(request: Request) -> dict[str, bool]:
    """Return what this service offers, and whether that is switched on."""
    information: ServiceInformation = request.app.state.information
    return information.features
