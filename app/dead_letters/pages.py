"""The pages of dead letters: which there are and why, what one holds, and putting back or dropping them.

Replaying and dropping each ask first, on a page of their own that says how many it is about; what comes in
after that page was shown is not among them. Every write ends in going to a page, so that loading it again
repeats nothing.
"""

from http import HTTPStatus
from typing import Annotated
from urllib.parse import urlencode
from uuid import UUID

from fastapi import APIRouter, Depends, Form, Path, Query, Request, Response
from fastapi.responses import RedirectResponse

from app.access import NotAllowed, PageAsks, access_log_of
from app.dead_letters.asked import LAST_ID, AskedLetters, Wanted
from app.dead_letters.box import Filter
from app.dead_letters.content import readable
from app.dead_letters.reasons import explain
from app.dead_letters.serving import KeptLetters
from app.dead_letters.views import LetterView, by_reason, chips_of, topics_of
from app.web import addresses
from app.web.problems import PageRoute
from app.web.rendering import render
from models.access import Action, Caller, may_at_all

LETTERS_A_PAGE = 50

router = APIRouter(route_class=PageRoute, include_in_schema=False)

AsksToRead = Annotated[Caller, Depends(PageAsks(Action.READ_DEAD_LETTERS))]
AsksToSettle = Annotated[Caller, Depends(PageAsks(Action.SETTLE_DEAD_LETTERS))]
LetterId = Annotated[int, Path(ge=1, le=LAST_ID)]
#: Whether what is meant was chosen one by one; then none chosen is none.
Chosen = Annotated[bool, Query()]


@router.get(addresses.DEAD_LETTERS)
async def list_(
    request: Request,
    caller: AsksToRead,
    wanted: Wanted,
    letters: KeptLetters,
    before: Annotated[int | None, Query(ge=1, le=LAST_ID)] = None,
    dropped: Annotated[int | None, Query(ge=0)] = None,
    left: Annotated[int, Query(ge=0)] = 0,
    none_chosen: bool = False,
) -> Response:
    """Show which dead letters there are, how many for which reason, and what to do about each reason."""
    if wanted.filter.key is not None:
        subject = {"dead_letters": dict(wanted.given)}
        await access_log_of(request).note(caller, Action.READ_DEAD_LETTERS, request, subject)
    everything = await letters.sum_up(caller, Filter())
    meant = await letters.sum_up(caller, wanted.filter) if wanted.given else everything
    found = await letters.page(caller, wanted.filter, limit=LETTERS_A_PAGE + 1, before=before)
    shown = found[:LETTERS_A_PAGE]
    return render(
        request,
        "dead_letters/templates/dead_letters.html",
        here="dead_letters",
        may_settle=may_at_all(caller, Action.SETTLE_DEAD_LETTERS),
        reasons=by_reason(everything),
        topics=topics_of(everything),
        kept=sum(some.kept for some in everything),
        meant=sum(some.kept for some in meant),
        letters=[LetterView.of(letter) for letter in shown],
        wanted=wanted,
        chips=chips_of(wanted),
        next=_list(wanted, before=shown[-1].id) if len(found) > LETTERS_A_PAGE else "",
        first=_list(wanted) if before else "",
        dropped=dropped,
        left=left,
        none_chosen=none_chosen,
        list_url=_list,
    )


@router.get(addresses.DEAD_LETTERS + "/{letter:int}")
async def look(
    request: Request, letter: LetterId, caller: AsksToRead, letters: KeptLetters, content: bool = False
) -> Response:
    """Show one dead letter; with `content`, what it holds too, for who may read that."""
    told, kept = await letters.get(caller, letter)
    may_read = letters.may_read_content(caller, kept.topic)
    key = "" if kept.key is None else kept.key.decode(errors="replace").replace("\0", "")
    if content:
        if not may_read:
            raise NotAllowed("What it holds is for those who may read all messages there.")
        subject = {"dead_letter": letter, "topic": kept.topic, "person": key or None}
        await access_log_of(request).note(caller, Action.READ_DEAD_LETTERS, request, subject)
    return render(
        request,
        "dead_letters/templates/letter.html",
        here="dead_letters",
        may_settle=may_at_all(caller, Action.SETTLE_DEAD_LETTERS),
        may_read=may_read,
        letter=LetterView.of(told),
        platform=letters.platform_of(told.topic),
        explained=explain(told.reason),
        kept=kept if content else None,
        key=key,
        readable=readable,
    )


@router.get(addresses.DEAD_LETTERS + "/replay")
async def ask_to_replay(
    request: Request, caller: AsksToSettle, wanted: Wanted, letters: KeptLetters, chosen: Chosen = False
) -> Response:
    """Ask whether these are to be put back."""
    return await _question(request, caller, wanted, letters, chosen=chosen, is_drop=False)


@router.post(addresses.DEAD_LETTERS + "/replay")
async def replay(request: Request, caller: AsksToSettle, wanted: Wanted, letters: KeptLetters) -> Response:
    """Have these put back, and show how far that is."""
    await _note(request, caller, wanted)
    asked = await letters.ask_for_replay(caller, wanted.filter)
    if not asked.asked:
        return RedirectResponse(f"{addresses.DEAD_LETTERS}?none_chosen=yes", HTTPStatus.SEE_OTHER)
    return RedirectResponse(_replay(asked.id), HTTPStatus.SEE_OTHER)


@router.get(addresses.DEAD_LETTERS + "/replays/{replay:uuid}")
async def show_replay(request: Request, replay: UUID, caller: AsksToRead, letters: KeptLetters) -> Response:
    """Show how far a replay is."""
    return render(
        request,
        "dead_letters/templates/replay.html",
        here="dead_letters",
        may_settle=may_at_all(caller, Action.SETTLE_DEAD_LETTERS),
        replay=await letters.replay(caller, replay),
        address=_replay(replay),
        is_held_up=request.app.state.replayer.is_held_up,
        impossible_url=lambda ids: f"{addresses.DEAD_LETTERS}?{urlencode({'id': ids}, doseq=True)}",
    )


@router.post(addresses.DEAD_LETTERS + "/replays/{replay:uuid}/stop")
async def stop_replay(replay: UUID, caller: AsksToSettle, letters: KeptLetters) -> Response:
    """Put back no more of a replay."""
    await letters.stop_replay(caller, replay)
    return RedirectResponse(addresses.DEAD_LETTERS, HTTPStatus.SEE_OTHER)


@router.get(addresses.DEAD_LETTERS + "/drop")
async def ask_to_drop(
    request: Request, caller: AsksToSettle, wanted: Wanted, letters: KeptLetters, chosen: Chosen = False
) -> Response:
    """Ask whether these are to be deleted for ever."""
    return await _question(request, caller, wanted, letters, chosen=chosen, is_drop=True)


@router.post(addresses.DEAD_LETTERS + "/drop")
async def drop(
    request: Request,
    caller: AsksToSettle,
    wanted: Wanted,
    letters: KeptLetters,
    sure: Annotated[bool, Form()] = False,
) -> Response:
    """Delete these for ever, if whoever asks says twice that they mean it."""
    if not sure:
        return await _question(request, caller, wanted, letters, chosen=False, is_drop=True, is_unsure=True)
    await _note(request, caller, wanted)
    done = await letters.drop(caller, wanted.filter)
    told = {"dropped": done.count, **({"left": done.left} if done.left else {})}
    # Those that were named are gone.
    return RedirectResponse(_list(wanted, id=None, up_to=None, **told), HTTPStatus.SEE_OTHER)


async def _question(
    request: Request,
    caller: Caller,
    wanted: AskedLetters,
    letters: KeptLetters,
    *,
    chosen: bool,
    is_drop: bool,
    is_unsure: bool = False,
) -> Response:
    found = await letters.sum_up(caller, wanted.filter, Action.SETTLE_DEAD_LETTERS)
    if not found or (chosen and not wanted.filter.ids):
        return RedirectResponse(_list(wanted, id=None, none_chosen="yes"), HTTPStatus.SEE_OTHER)
    up_to = wanted.filter.up_to or max(some.last_id for some in found)
    return render(
        request,
        "dead_letters/templates/question.html",
        status=HTTPStatus.UNPROCESSABLE_ENTITY if is_unsure else HTTPStatus.OK,
        here="dead_letters",
        is_drop=is_drop,
        errors={"sure": "Say that you mean it, or go back."} if is_unsure else {},
        reasons=by_reason(found),
        topics=topics_of(found),
        count=sum(some.kept for some in found),
        replayed=sum(some.kept - some.waiting for some in found),
        query=wanted.query(up_to=up_to),
        back=_list(wanted, id=None, up_to=None),
    )


async def _note(request: Request, caller: Caller, wanted: AskedLetters) -> None:
    subject = {"dead_letters": dict(wanted.given)}
    await access_log_of(request).note(caller, Action.SETTLE_DEAD_LETTERS, request, subject)


def _list(wanted: AskedLetters, **others: object) -> str:
    """Return the address of the list of these."""
    query = wanted.query(**others)
    return f"{addresses.DEAD_LETTERS}?{query}" if query else addresses.DEAD_LETTERS


def _replay(replay: UUID) -> str:
    return f"{addresses.DEAD_LETTERS}/replays/{replay}"
