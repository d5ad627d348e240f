"""The stylesheets, scripts and icon of the pages, each under an address that changes with its content."""

from fastapi import APIRouter, HTTPException, Request, Response

from app.web.static_contents import FOREVER, STATIC

router = APIRouter(include_in_schema=False)


@router.get("/static/{name:path}")
async def static(request: Request, name: str) -> Response:
    """Answer with a file; one that is asked for by its present version need never be asked for again."""
    found = STATIC.get(name)
    if found is None:
        raise HTTPException(404)
    is_present = request.query_params.get("v") == found.version
    return Response(
        found.content,
        media_type=found.media_type,
        headers={"Cache-Control": FOREVER if is_present else "no-cache"},
    )
