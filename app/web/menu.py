"""What the pages lead to: the navigation that all of them have, for whoever may go there. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from app.web import addresses
from models.access import Action, Caller, may_at_all

if TYPE_CHECKING:
    from collections.abc import Mapping


class MenuEntry(NamedTuple):
    """An entry of the navigation.

    Attributes:
        key: by which a page says that it is there (`here`).
        label: as people read it.
        address: where it leads.
        actions: whoever may do any of these may go there.
    """

    key: str
    label: str
    address: str
    actions: tuple[Action, ...]


_PLACES = (
    MenuEntry("overview", "Overview", addresses.OVERVIEW, (Action.SEE_FIGURES,)),
    MenuEntry("conversations", "Conversations", addresses.CONVERSATIONS, (Action.READ_MESSAGES,)),
    MenuEntry("search", "Search", addresses.SEARCH, (Action.READ_MESSAGES,)),
    MenuEntry("figures", "Figures", addresses.FIGURES, (Action.SEE_FIGURES,)),
    MenuEntry("surveys", "Surveys", addresses.SURVEYS, (Action.SEE_SURVEY,)),
    MenuEntry("privacy", "Learners’ data", addresses.PRIVACY, (Action.EXPORT_LEARNER,)),
    MenuEntry("channels", "Channels", addresses.CHANNELS, (Action.SEE_CHANNELS,)),
    MenuEntry("exports", "Exports", addresses.EXPORTS, (Action.SEE_EXPORT,)),
    MenuEntry("dead_letters", "Dead letters", addresses.DEAD_LETTERS, (Action.READ_DEAD_LETTERS,)),
    MenuEntry("system", "System", addresses.SYSTEM, (Action.SEE_SYSTEM,)),
)


def menu_of(caller: Caller | None, features: Mapping[str, bool]) -> list[MenuEntry]:
    """Return where somebody may go; nobody who is not signed in goes anywhere.

    Args:
        caller: who.
        features: what is switched on or off here, by the key of its entry; what is not named is there.
    """
    if caller is None:
        return []
    return [
        place
        for place in _PLACES
        if features.get(place.key, True) and any(may_at_all(caller, action) for action in place.actions)
    ]
