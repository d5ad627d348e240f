"""What the API offers, for people (/docs) and machines (/openapi.json). All is served from here: no CDN."""

from __future__ import annotations

from importlib.resources import files
from typing import TYPE_CHECKING, Any

from fastapi import APIRouter, FastAPI, Request, Response
from fastapi.openapi.utils import get_openapi
from starlette.staticfiles import StaticFiles

from app.web.problems import MEDIA_TYPE, PageRoute
from app.web.rendering import render

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pydantic import BaseModel

_PAGE = files(__package__) / "docs_page"
TITLE = "chatlog"
DESCRIPTION = """
Read what was said, export the chat log and the responses of your surveys, and hand in events to be captured.

Send a token as `Authorization: Bearer …`. It says by an email address who asks, and by roles what they may:
an owner sees their own surveys, those that are shared with them, and their own exports. Errors are
`application/problem+json` (RFC 9457). A query parameter that a route does not know is refused (422), by name.
"""
TAGS = [
    {"name": "conversations", "description": "What was said, by whom; and who read it."},
    {"name": "search", "description": "Words in all that was said, in any script; lines at random."},
    {"name": "exports", "description": "Ask for a file, follow its making, download it."},
    {"name": "surveys", "description": "What there is to export, and with whom it is shared."},
    {"name": "figures", "description": "How much is said, by whom, how fast it is answered, who comes back."},
    {"name": "channels", "description": "What is recorded of which channel, and of whom nothing is."},
    {"name": "dead letters", "description": "What could never be stored: see, replay and drop it."},
    {"name": "threads", "description": "Threads of learners and their messages, read back at once."},
    {"name": "privacy", "description": "A file of all that is kept of a learner, and their erasure."},
    {"name": "turns", "description": "For programs that log what their assistant is asked and answers."},
    {"name": "events", "description": "For programs that hand in what was said on a platform."},
    {"name": "webhooks", "description": "For platforms, which sign what they send."},
    {"name": "system", "description": "What runs, what waits, and what is wrong."},
    {"name": "operation", "description": "For whoever runs this."},
]

router = APIRouter(route_class=PageRoute, include_in_schema=False)


@router.get("/docs")
async def docs(request: Request) -> Response:
    """Return the page that shows /openapi.json."""
    return render(request, "web/templates/docs.html", here="docs")


def offer_docs(app: FastAPI, *told: type[BaseModel]) -> None:
    """Serve the page and what it needs, and describe problems by their own media type.

    Args:
        app: what is described.
        told: models that no route returns as its answer, such as those of events; others may refer to them.
    """
    app.include_router(router)
    app.mount("/docs/static", StaticFiles(directory=str(_PAGE)), name="docs")

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            app.openapi_schema = _describe(app, told)
        return app.openapi_schema

    # The way that FastAPI's documentation gives.
    app.openapi = openapi  # type: ignore[method-assign]


def _describe(app: FastAPI, told: Iterable[type[BaseModel]]) -> dict[str, Any]:
    document = get_openapi(
        title=app.title,
        version=app.version,
        description=app.description,
        tags=app.openapi_tags,
        routes=app.routes,
    )
    for model in told:
        schema = model.model_json_schema(ref_template="#/components/schemas/{model}")
        document["components"]["schemas"] |= schema.pop("$defs", {}) | {model.__name__: schema}
    for path in document["paths"].values():
        for operation in path.values():
            operation["summary"] = _as_sentence(operation["summary"])
            for response in operation["responses"].values():
                content = response.get("content", {})
                if content.get("application/json", {}).get("schema", {}).get("$ref", "").endswith("/Problem"):
                    content[MEDIA_TYPE] = content.pop("application/json")
    return document


def _as_sentence(title: str) -> str:
    """Return a title that was made of a function's name, In Title Case, as people write."""
    return title.capitalize() if title == title.title() else title
