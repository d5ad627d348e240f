"""The routes of dead letters: see, replay and drop what could never be stored."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Path, Query, Request, Response

from app.access import Asks, NotAllowed, access_log_of
from app.dead_letters.asked import LAST_ID, AskedLetters, Wanted
from app.dead_letters.representations import (
    Dropped,
    Letter,
    Letters,
    ReasonCount,
    ReplayState,
    Stopped,
    WholeLetter,
)
from app.dead_letters.serving import KeptLetters
from app.web.problems import responses
from models.access import Action, Caller
from models.errors import ChatlogError, MustAct

router = APIRouter(prefix="/v1/dead-letters", tags=["dead letters"], responses=responses(401, 403, 422, 503))

AsksToRead = Annotated[Caller, Depends(Asks(Action.READ_DEAD_LETTERS))]
AsksToSettle = Annotated[Caller, Depends(Asks(Action.SETTLE_DEAD_LETTERS))]
LetterId = Annotated[int, Path(ge=1, le=LAST_ID)]
All = Annotated[bool, Query(alias="all", description="All there are, if nothing else says which.")]


class NothingNamed(ChatlogError):
    """It is not said which dead letters are meant, and all of them is much: say so."""

    must_act = MustAct.CALLER


@router.get("")
async def list_dead_letters(
    request: Request,
    response: Response,
    caller: AsksToRead,
    wanted: Wanted,
    letters: KeptLetters,
    limit: Annotated[int, Query(ge=1, le=200, description="How many at most.")] = 50,
    cursor: Annotated[
        str | None, Query(pattern="^[0-9]{1,18}$", description="`next` of the part before.")
    ] = None,
) -> Letters:
    """Return what could never be stored, without what it holds, the newest first."""
    await _note_person(request, caller, Action.READ_DEAD_LETTERS, wanted)
    before = int(cursor) if cursor else None
    found = await letters.page(caller, wanted.filter, limit=limit + 1, before=before)
    shown = [Letter.of(letter, letters.platform_of(letter.topic)) for letter in found[:limit]]
    following = str(shown[-1].id) if len(found) > limit else None
    if following:
        address = f"{router.prefix}?{wanted.query(limit=limit, cursor=following)}"
        response.headers["Link"] = f'<{address}>; rel="next"'
    return Letters(items=shown, next=following)


@router.get("/counts")
async def count_dead_letters(
    request: Request, caller: AsksToRead, wanted: Wanted, letters: KeptLetters
) -> list[ReasonCount]:
    """Return how many there are, by reason and topic, and what the reasons mean; the most frequent first."""
    await _note_person(request, caller, Action.READ_DEAD_LETTERS, wanted)
    found = await letters.sum_up(caller, wanted.filter)
    return [ReasonCount.of(some, letters.platform_of(some.topic)) for some in found]


# Of numbers alone, so that what else is here answers for its own methods.
@router.get("/{letter:int}", responses=responses(404))
async def get_a_dead_letter(
    request: Request,
    letter: LetterId,
    caller: AsksToRead,
    letters: KeptLetters,
    content: Annotated[
        bool, Query(description="What it holds, too: for who may read all messages; it is noted who did.")
    ] = False,
) -> WholeLetter:
    """Return a dead letter: where it came from, why it is here, and by size and digest what it holds."""
    told, kept = await letters.get(caller, letter)
    if content:
        if not letters.may_read_content(caller, kept.topic):
            raise NotAllowed("What it holds is for those who may read all messages there.")
        subject = {"dead_letter": letter, "topic": kept.topic, "person": _text(kept.key)}
        await access_log_of(request).note(caller, Action.READ_DEAD_LETTERS, request, subject)
    return WholeLetter.of_whole(told, kept, letters.platform_of(kept.topic), content=content)


@router.post("/replays", status_code=202)
async def replay_dead_letters(
    request: Request, caller: AsksToSettle, wanted: Wanted, letters: KeptLetters, everything: All = False
) -> ReplayState:
    """Have dead letters put back where they came from, byte for byte; it goes on by itself.

    They go through the workers again: what was mended since is stored now, what was not is refused again, as
    a new dead letter. The old one stays, with the time of the replay.
    """
    _require_a_choice(wanted, everything=everything)
    await _note_settled(request, caller, wanted)
    return ReplayState.of(await letters.ask_for_replay(caller, wanted.filter))


@router.get("/replays/{replay}", responses=responses(404))
async def get_a_replay(replay: UUID, caller: AsksToRead, letters: KeptLetters) -> ReplayState:
    """Return how far a replay is."""
    return ReplayState.of(await letters.replay(caller, replay))


@router.delete("/replays/{replay}")
async def stop_a_replay(replay: UUID, caller: AsksToSettle, letters: KeptLetters) -> Stopped:
    """Put back no more of a replay; what was put back stays there."""
    return Stopped(stopped=await letters.stop_replay(caller, replay))


@router.delete("")
async def drop_dead_letters(
    request: Request, caller: AsksToSettle, wanted: Wanted, letters: KeptLetters, everything: All = False
) -> Dropped:
    """Delete dead letters for ever."""
    _require_a_choice(wanted, everything=everything)
    await _note_settled(request, caller, wanted)
    drop = await letters.drop(caller, wanted.filter)
    return Dropped(dropped=drop.count, left=drop.left)


def _require_a_choice(wanted: AskedLetters, *, everything: bool) -> None:
    if not wanted.is_a_choice and not everything:
        raise NothingNamed("Say which: by their numbers or a filter, or all=true.")


async def _note_person(request: Request, caller: Caller, action: Action, wanted: AskedLetters) -> None:
    """Note that somebody looks for what is a person's."""
    if wanted.filter.key is not None:
        await access_log_of(request).note(caller, action, request, {"dead_letters": dict(wanted.given)})


async def _note_settled(request: Request, caller: Caller, wanted: AskedLetters) -> None:
    subject = {"dead_letters": dict(wanted.given)}
    await access_log_of(request).note(caller, Action.SETTLE_DEAD_LETTERS, request, subject)


def _text(key: bytes | None) -> str | None:
    return None if key is None else key.decode(errors="replace").replace("\0", "")
