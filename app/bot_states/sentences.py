"""Why a question came again, and why somebody waits, in sentences for whoever looks after the bot. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from app.web.words import counted, duration
from models.bot_states import Standing
from models.repeats import Cause

if TYPE_CHECKING:
    from models.repeats import Repeat

_CAUSES = {
    Cause.NOT_ACCEPTED: "The answer was not accepted, so the question came again.",
    Cause.LED_BACK: "The answer was taken, and the form leads back to this question.",
    Cause.SENT_AGAIN: "Messenger had not taken what the bot sent, and the bot tried again.",
    Cause.AFTER_ERROR: "The bot had failed, and went on from here.",
    Cause.AFTER_WAITING: "The bot had waited, and asked again.",
    Cause.BEGUN_ANEW: "The person began the form once more.",
    Cause.NOT_TOLD: "Nobody answered in between; the bot's states do not tell why it asked again.",
}
#: What a standing means, and what to do about it.
STANDINGS = {
    Standing.BLOCKED: "Messenger does not take what the bot sends. It tries again by itself; if it stays "
    "so, the person may have blocked the page, or the time in which a page may write is over.",
    Standing.ERROR: "The bot stopped at an error: look at the form's logic at this question, then have it "
    "go on.",
    Standing.SILENT: "The bot should have said something, and has not: is it running, and does it lag?",
    Standing.WAITS: "It waits for something outside, such as a time or a payment.",
    Standing.ASKED: "It is the person's turn to answer.",
    Standing.ENDED: "The survey is over.",
    Standing.UNKNOWN: "The bot is in a state that is not known here.",
}
_ENDINGS = {1: "st", 2: "nd", 3: "rd"}


def why_again(repeat: Repeat) -> str:
    """Say why a question came again, with how often, how long after, and what the bot noted."""
    after = duration(repeat.after_ms / 1000)
    said = [f"Asked for the {_ordinal(repeat.number)} time, {after} after the last.", _CAUSES[repeat.cause]]
    if repeat.waits_for:
        said.append(f"It waited for: {repeat.waits_for}.")
    if repeat.problem:
        said.append(f"The bot's word for the error: {repeat.problem}.")
    if repeat.retries:
        said.append(f"It had tried again {counted(repeat.retries, 'time')} by then.")
    return " ".join(said)


def _ordinal(number: int) -> str:
    ending = "th" if number % 100 in {11, 12, 13} else _ENDINGS.get(number % 10, "th")
    return f"{number}{ending}"
