"""The routes of search: words in all that was said, a line at random, and which language is spoken where."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Request, Response

from app.access import Asks
from app.conversations.representations import ShownMessage
from app.conversations.subjects import subject_of_message
from app.reading.filters import Filters
from app.reading.lists import LIMIT_DEFAULT, ListLimit, link_next
from app.reading.noting import Noting
from app.search.languages import PLACE_FORM
from app.search.representations import FoundMessage, FoundMessages, LanguageAt
from app.search.serving import AfterCursor, Searching, subject_of_search
from app.web.parts import LINKED
from app.web.problems import responses
from models.access import Action, Caller
from models.fields import INDEXED_MAX_BYTES
from models.search import QUERY_MAX
from sinks.postgres.searching import Order

router = APIRouter(prefix="/v1", tags=["search"], responses=responses(401, 403, 422, 503))
SEARCH = f"{router.prefix}/messages/search"

AsksToRead = Annotated[Caller, Depends(Asks(Action.READ_MESSAGES))]
AsksToSee = Annotated[Caller, Depends(Asks(Action.SEE_CHANNELS))]
AsksToChange = Annotated[Caller, Depends(Asks(Action.CHANGE_CHANNELS))]
Typed = Annotated[
    str,
    Query(
        max_length=QUERY_MAX,
        description='Words of which all must be there, "words in a row", or, -not, the beginning of a word*.',
        examples=['refund -"no refund"'],
    ),
]
PlaceName = Annotated[
    str, Query(max_length=2 * INDEXED_MAX_BYTES, description=f"Where: {PLACE_FORM}.", examples=["survey:A"])
]


@router.get("/messages/search", responses=LINKED)
async def search_messages(  # noqa: PLR0913, PLR0917  each is asked for, or needed
    q: Typed,
    caller: AsksToRead,
    wanted: Filters,
    searching: Searching,
    log: Noting,
    request: Request,
    response: Response,
    after: AfterCursor,
    conversation: Annotated[UUID | None, Query(description="Only in this conversation.")] = None,
    order: Annotated[
        Order, Query(description="The newest first, or the best of the 1,000 newest (`ts_rank`).")
    ] = Order.NEWEST,
    limit: ListLimit = LIMIT_DEFAULT,
) -> FoundMessages:
    """Return the messages in which there is what is looked for, in any script, with that marked.

    Of all times and platforms, unless the filter says otherwise. Late and deleted messages are right at once.
    """
    found = await searching.search.find(
        caller, q, wanted, order=order, limit=limit, after=after, conversation=conversation
    )
    subject = subject_of_search(q, wanted, order, conversation)
    await log.note(caller, Action.READ_MESSAGES, request, subject)
    following = found.after.cursor if found.after else None
    link_next(response, SEARCH, {**subject, "limit": str(limit)}, following)
    return FoundMessages(
        items=[FoundMessage.of_hit(hit) for hit in found.hits],
        next=following,
        ranked=found.ranked,
        left_out=list(found.query.left_out),
    )


@router.get("/messages/random", responses=responses(404))
async def get_a_line_at_random(
    caller: AsksToRead, wanted: Filters, searching: Searching, log: Noting, request: Request
) -> ShownMessage:
    """Return a message of a channel or a person by chance, each as likely as any other.

    Name the platform, and the channel or the person.
    """
    said = await searching.lines.draw(caller, wanted)
    await log.note(caller, Action.READ_MESSAGES, request, subject_of_message(said))
    return ShownMessage.of(said)


@router.get("/search/languages")
async def list_languages(caller: AsksToSee, searching: Searching) -> list[LanguageAt]:
    """Return in which language people speak where: words are found there by their stems, too."""
    return [LanguageAt.model_validate(each) for each in await searching.languages.find(caller)]


@router.put("/search/languages")
async def set_a_language(
    place: PlaceName,
    language: Annotated[str, Query(max_length=31, examples=["english"])],
    caller: AsksToChange,
    searching: Searching,
) -> LanguageAt:
    """Say in which language people speak somewhere; words are found by their stems when it is indexed.

    `chatlog maintain` does that.
    """
    return LanguageAt.model_validate(await searching.languages.set(caller, place, language))


@router.delete("/search/languages", status_code=204, responses=responses(404))
async def unset_a_language(place: PlaceName, caller: AsksToChange, searching: Searching) -> None:
    """Say it no longer."""
    await searching.languages.unset(caller, place)
