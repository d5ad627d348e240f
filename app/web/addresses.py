"""Where the pages are. A survey's name travels in the query, since it may hold anything, slashes too."""

from urllib.parse import urlencode

from models.exports import Source

SIGN_IN = "/sign-in"
SIGN_IN_BY_PROVIDER = "/sign-in/provider"
SURVEYS = "/"
TAB = "/surveys/export"
FORMS = {Source.CHAT_LOG: "/exports/create-chat-log", Source.RESPONSES: "/exports/create-responses"}


def surveys(search: str = "", page: int = 1, *, counted: bool = False) -> str:
    """Return the address of the list of surveys, or of those that a search finds."""
    query = ({"search": search} if search else {}) | ({"page": str(page)} if page > 1 else {})
    query |= {"counted": "yes"} if counted else {}
    return f"{SURVEYS}?{urlencode(query)}" if query else SURVEYS


def tab(survey: str, page: int = 1) -> str:
    """Return the address of a survey's Export tab."""
    query = {"survey_name": survey} | ({"page": str(page)} if page > 1 else {})
    return f"{TAB}?{urlencode(query)}"


def form(source: str, survey: str) -> str:
    """Return the address of the form by which an export is asked for with options."""
    return f"{FORMS[Source(source)]}?{urlencode({'survey_name': survey})}"


def sign_in_by_provider(back_to: str) -> str:
    """Return the address that leads to the identity provider, and from there on to `back_to`."""
    return f"{SIGN_IN_BY_PROVIDER}?{urlencode({'next': back_to})}"


def sign_in(back_to: str) -> str:
    """Return the address of the sign-in page that leads on to `back_to`."""
    return f"{SIGN_IN}?{urlencode({'next': back_to})}"
