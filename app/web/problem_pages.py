"""What a person sees instead of a page when something is wrong, and the routes that show it.

`PageRoute` is for the routes of the pages. `error_page` and `wants_page` are also for handlers of the
application, since people open addresses that are no page: a wrong one, or a download whose file is gone.
"""

from __future__ import annotations

import logging
import traceback
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from fastapi import Request, Response
from fastapi.responses import RedirectResponse
from fastapi.routing import APIRoute

from app.access import NotAllowed, SignInNeeded, own_path
from app.exports.files import FileGone, StorageUnusable
from app.exports.views import ExportView
from app.web import addresses
from app.web.rendering import render
from app.web.statuses import headers_of, judged_by_service, status_of
from sinks.errors import SinkError

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from app.exports.rows import ExportRow

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Problem:
    """What to tell a person.

    Attributes:
        title: what is wrong, in a few words.
        explanation: the same in a sentence, where nothing more exact is known.
        advice: what to do.
    """

    title: str
    explanation: str
    advice: str


PROBLEMS = {
    HTTPStatus.UNAUTHORIZED: Problem(
        "Sign in first",
        "What is at this address is shown to its owner alone.",
        "Sign in, then open the address again.",
    ),
    HTTPStatus.FORBIDDEN: Problem(
        "That was not sent by this page",
        "What arrived did not come from a page of yours, or from one that is out of date.",
        "Go back, load the page again, and repeat what you did.",
    ),
    HTTPStatus.NOT_FOUND: Problem(
        "Not found",
        "There is nothing at this address, or it is not yours to see.",
        "Look for it in your list of surveys.",
    ),
    HTTPStatus.CONFLICT: Problem(
        "Not possible now",
        "It is not in a state in which that can be done.",
        "Go back and load the page again.",
    ),
    HTTPStatus.GONE: Problem(
        "The file is gone",
        "It was removed, or kept for as long as files are kept here.",
        "What it was of is below. A new file holds the data as it is now.",
    ),
    HTTPStatus.UNPROCESSABLE_ENTITY: Problem(
        "That was not understood",
        "Something is missing from the address or the form, or is not what it should be.",
        "Go back and try again, from a link on a page if you typed the address.",
    ),
    HTTPStatus.SERVICE_UNAVAILABLE: Problem(
        "Not available right now",
        "A part of the system does not answer.",
        "Try again in a minute; if it stays, tell whoever runs this system. Exports that were started go on "
        "by themselves.",
    ),
    HTTPStatus.INTERNAL_SERVER_ERROR: Problem(
        "Something went wrong here",
        "This is a mistake of ours, not yours, and it is in our log.",
        "Try again; if it stays, tell whoever runs this system when it happened.",
    ),
}

#: The other reason for a 403.
NOT_ALLOWED = Problem(
    "Not yours to do",
    "None of your roles lets you do this.",
    "Ask whoever looks after your account, or sign in with another one.",
)


def error_page(request: Request, status: int, detail: str = "") -> Response:
    """Return the page for a person whose request could not be answered.

    Args:
        request: the one.
        status: of the answer.
        detail: what exactly is wrong, instead of the general explanation; shown as it is.
    """
    known = HTTPStatus(status) if status in PROBLEMS else HTTPStatus.INTERNAL_SERVER_ERROR
    if status < HTTPStatus.INTERNAL_SERVER_ERROR and status not in PROBLEMS:
        known = HTTPStatus.UNPROCESSABLE_ENTITY
    return _problem_page(request, status, PROBLEMS[known], detail)


def not_allowed_page(request: Request) -> Response:
    """Return the page for a person who is known, and whose roles do not let them do this."""
    return _problem_page(request, HTTPStatus.FORBIDDEN.value, NOT_ALLOWED)


def gone_page(request: Request, row: ExportRow, detail: str) -> Response:
    """Return the page for a person whose file is gone: how to have it again."""
    return render(
        request,
        "exports/templates/gone.html",
        status=HTTPStatus.GONE,
        problem=PROBLEMS[HTTPStatus.GONE],
        detail=detail,
        export=ExportView(row, is_gone=True),
        name=row.survey_id,
    )


def wants_page(request: Request) -> bool:
    """Tell whether it is a browser that shows the answer to a person, rather than a program."""
    return "text/html" in request.headers.get("accept", "")


def sign_in_first(request: Request, error: SignInNeeded) -> Response:
    """Send a person to the sign-in page, and later back to where they were."""
    if "hx-request" not in request.headers:
        return RedirectResponse(addresses.sign_in(error.back_to), HTTPStatus.SEE_OTHER)
    # A part of a page is asked for by its script: the whole page has to go.
    shown = urlsplit(request.headers.get("hx-current-url", ""))
    back_to = own_path(shown.path + (f"?{shown.query}" if shown.query else ""))
    return Response(status_code=HTTPStatus.NO_CONTENT, headers={"HX-Redirect": addresses.sign_in(back_to)})


def _problem_page(request: Request, status: int, problem: Problem, detail: str = "") -> Response:
    return render(
        request, "web/templates/error.html", status=status, code=status, problem=problem, detail=detail
    )


class PageRoute(APIRoute):
    """A route for people: whatever goes wrong, they see a page."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Return the handler of the route, with what it raises turned into pages."""
        answer = super().get_route_handler()

        async def answer_with_a_page(request: Request) -> Response:
            try:
                return await answer(request)
            except Exception as error:  # noqa: BLE001  logged, and told to the person
                return _page_for(request, error)

        return answer_with_a_page


def _page_for(request: Request, error: Exception) -> Response:
    if isinstance(error, SignInNeeded):
        return sign_in_first(request, error)
    if isinstance(error, NotAllowed):
        return not_allowed_page(request)
    if isinstance(error, FileGone):
        return gone_page(request, error.row, str(error))
    judged = judged_by_service(error)
    status = status_of(judged)
    if isinstance(judged, SinkError):
        log.warning("A page cannot be shown", extra={"error": str(judged)})
    if status == HTTPStatus.INTERNAL_SERVER_ERROR:
        # What it says may quote someone's data; where it happened does not.
        where = "".join(traceback.format_tb(error.__traceback__))
        log.error("A page failed", extra={"error": type(error).__name__, "reasons": where})
    page = error_page(request, status, str(error) if isinstance(error, StorageUnusable) else "")
    page.headers.update(headers_of(status, judged))
    return page
