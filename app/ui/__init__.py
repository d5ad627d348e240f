"""The web pages: signing in, an owner's surveys, and their exports.

Rendered on the server, and usable without scripts. What the pages show and do is `app.exports`, shared with
the API; here is only how it looks. `router` goes before the API's routes: `/exports/create-chat-log` would
else be taken for the id of an export. `error_page`, `gone_page` and `wants_page` are for the application's
handlers.
"""

from fastapi import APIRouter

from app.ui import exports, sign_in, static_files, surveys
from app.ui.problems import error_page, gone_page, sign_in_first, wants_page

router = APIRouter()
for _part in (sign_in, surveys, exports, static_files):
    router.include_router(_part.router)

__all__ = ["error_page", "gone_page", "router", "sign_in_first", "wants_page"]
