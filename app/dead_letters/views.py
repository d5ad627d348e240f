"""What the pages of dead letters show. Pure."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, NamedTuple, Self

from app.dead_letters.reasons import Explained, explain
from app.web import addresses

if TYPE_CHECKING:
    from collections.abc import Iterable

    from app.dead_letters.asked import AskedLetters
    from app.dead_letters.rows import OfOneReason, ToldLetter

#: How filters are called, where not by their own name.
_NAMES = {
    "id": "number",
    "reason": "reason",
    "topic": "topic",
    "person": "key",
    "since": "since",
    "until": "before",
    "state": "state",
}


class ReasonView(NamedTuple):
    """A reason, and how many dead letters it has.

    Attributes:
        reason: in one word.
        explained: what it says.
        kept: how many there are.
        waiting: how many of them nobody has replayed.
    """

    reason: str
    explained: Explained
    kept: int
    waiting: int


class LetterView(NamedTuple):
    """A row of the list.

    Attributes:
        told: the dead letter.
        title: its reason, as people call it.
        state: what became of it, in a word, and of what kind that is (as badges have it).
        kind: of the state.
    """

    told: ToldLetter
    title: str
    state: str
    kind: str

    @classmethod
    def of(cls, letter: ToldLetter) -> Self:
        """Return how a dead letter is shown."""
        return cls(letter, explain(letter.reason).title, *_state_of(letter))


class FilterChip(NamedTuple):
    """A filter that holds, and the address without it."""

    name: str
    value: str
    without: str


def by_reason(found: Iterable[OfOneReason]) -> list[ReasonView]:
    """Return how many there are for each reason, the most frequent first."""
    kept: defaultdict[str, int] = defaultdict(int)
    waiting: defaultdict[str, int] = defaultdict(int)
    for some in found:
        kept[some.reason] += some.kept
        waiting[some.reason] += some.waiting
    views = [ReasonView(reason, explain(reason), kept[reason], waiting[reason]) for reason in kept]
    return sorted(views, key=lambda view: (-view.waiting, -view.kept, view.reason))


def topics_of(found: Iterable[OfOneReason]) -> dict[str, int]:
    """Return the topics that they came from, and how many from each."""
    topics: defaultdict[str, int] = defaultdict(int)
    for some in found:
        topics[some.topic] += some.kept
    return dict(sorted(topics.items()))


def chips_of(wanted: AskedLetters) -> list[FilterChip]:
    """Return the filters that hold."""
    chips = []
    for name, value in wanted.given.items():
        if name not in _NAMES:
            continue
        values = value if isinstance(value, list) else [value]
        words = [explain(str(one)).title if name == "reason" else str(one) for one in values]
        query = wanted.query(**{name: None})
        without = f"{addresses.DEAD_LETTERS}?{query}" if query else addresses.DEAD_LETTERS
        shown = ", ".join(words[:3]) + (f" and {len(words) - 3} more" if len(words) > 3 else "")
        chips.append(FilterChip(_NAMES[name], shown, without))
    return chips


def _state_of(letter: ToldLetter) -> tuple[str, str]:
    if letter.replay_pending:
        return "About to be replayed", "busy"
    if letter.replay_problem is not None:
        return "Cannot be replayed", "bad"
    if letter.replayed_at is not None:
        return "Replayed", "off"
    return "Waiting", "warn"
