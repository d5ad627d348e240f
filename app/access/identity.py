"""Who asks: an owner, known by the email address in a token, or in a session that a token began."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Identity:
    """The owner on whose behalf a request is answered; whatever is read or written is scoped to them.

    Attributes:
        email: the token's, in the one form that addresses are compared in (`models.owners`).
    """

    email: str
