"""What the routes of exports work with, one of each in a process, and how a route gets at it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

from fastapi import Depends, Request

if TYPE_CHECKING:
    from app.exports.estimates import Estimates
    from app.exports.files import ExportFiles
    from app.exports.looking import ExportList
    from app.exports.messages import MessageExports
    from app.exports.service import ExportRows
    from app.exports.troubled import ExportTroubles


@dataclass(frozen=True, slots=True)
class ExportServices:
    """The parts behind the routes of exports, while the application runs.

    Attributes:
        rows: what was asked for, and how far it is.
        list: finds what was asked for, over all surveys.
        messages: asks for files of messages.
        files: the files of exports.
        estimates: what files would be.
        troubles: finds exports that somebody has to look at.
    """

    rows: ExportRows
    list: ExportList
    messages: MessageExports
    files: ExportFiles
    estimates: Estimates
    troubles: ExportTroubles


async def export_services_of(request: Request) -> ExportServices:
    """Return what `app.site` put there when the application started."""
    services: ExportServices = request.app.state.exports
    return services


#: For signatures of routes.
Serving = Annotated[ExportServices, Depends(export_services_of)]
