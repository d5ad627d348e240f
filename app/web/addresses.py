"""Where the pages are.

A survey's name travels in the query, since it may hold anything, slashes too; and with it the address of its
owner, where that is not whoever looks: there may be two surveys of one name.
"""

from collections.abc import Iterable, Mapping
from urllib.parse import urlencode

SIGN_IN = "/sign-in"
SIGN_IN_BY_PROVIDER = "/sign-in/provider"
OVERVIEW = "/"
CONVERSATIONS = "/conversations"
THREADS = "/threads"
NEW_THREAD = f"{THREADS}/new"
PRIVACY = "/privacy"
SEARCH = "/search"
WAITING = "/waiting"
FIGURES = "/figures"
#: Not `/surveys`, where programs get the list.
SURVEYS = "/surveys/list"
CHANNELS = "/channels"
#: Not `/exports`, where programs ask for one.
EXPORTS = "/exports/list"
SELECTED_EXPORTS = "/exports/selected"
DEAD_LETTERS = "/dead-letters"
SYSTEM = "/system"
APPEARANCE = "/appearance"
NEW_EXPORT = "/exports/new"
TAB = "/surveys/export"
PEOPLE = "/surveys/people"


def surveys(search: str = "", page: int = 1, *, sort: str = "", counted: bool = False) -> str:
    """Return the address of the list of surveys, or of those that a search finds, in an order."""
    query = {"search": search} if search else {}
    query |= {"sort": sort} if sort else {}
    query |= {"page": str(page)} if page > 1 else {}
    query |= {"counted": "yes"} if counted else {}
    return f"{SURVEYS}?{urlencode(query)}" if query else SURVEYS


def tab(survey: str, page: int = 1, *, owner: str = "") -> str:
    """Return the address of a survey's Export tab.

    Args:
        survey: its name.
        page: of the exports of it.
        owner: whose it is, if not whoever looks.
    """
    return f"{TAB}?{urlencode(_survey(survey, owner) | ({'page': str(page)} if page > 1 else {}))}"


def survey(part: str, survey: str, *, owner: str = "", **others: str) -> str:
    """Return the address of another part of a survey's page.

    Args:
        part: conversations, responses, figures or summary.
        survey: its name.
        owner: whose it is, if not whoever looks.
        others: what else the address says; what is empty is left out.
    """
    given = {name: value for name, value in others.items() if value}
    return f"/surveys/{part}?{urlencode(_survey(survey, owner) | given)}"


def privacy(learner: str = "") -> str:
    """Return the address of the page of what was asked for of learners, or of one."""
    return f"{PRIVACY}?{urlencode({'learner': learner})}" if learner else PRIVACY


def people(survey: str) -> str:
    """Return the address of the page that shows with whom a survey is shared, by its name."""
    return f"{PEOPLE}?{urlencode(_survey(survey))}"


def new_export(survey: str = "", *, owner: str = "", **fields: str) -> str:
    """Return the address of the form by which an export is asked for.

    Args:
        survey: the survey's name; empty where messages are to be exported.
        owner: whose it is, if not whoever looks.
        fields: of the form, as they are to be at first: `what="messages", platform="twitch"`.
    """
    query = (_survey(survey, owner) if survey else {}) | fields
    return f"{NEW_EXPORT}?{urlencode(query)}" if query else NEW_EXPORT


def waiting(standings: Iterable[str], query: Mapping[str, str], after: str | None = None) -> str:
    """Return the address of those whose bot stands so with them.

    Args:
        standings: how.
        query: what is looked for besides.
        after: from which place in the list on.
    """
    asked = [("standing", each) for each in standings] + list(query.items())
    return f"{WAITING}?{urlencode(asked + ([('after', after)] if after else []))}"


def sign_in_by_provider(back_to: str) -> str:
    """Return the address that leads to the identity provider, and from there on to `back_to`."""
    return f"{SIGN_IN_BY_PROVIDER}?{urlencode({'next': back_to})}"


def sign_in(back_to: str) -> str:
    """Return the address of the sign-in page that leads on to `back_to`."""
    return f"{SIGN_IN}?{urlencode({'next': back_to})}"


def _survey(name: str, owner: str = "") -> dict[str, str]:
    return {"survey_name": name} | ({"survey_owner": owner} if owner else {})
