"""What rows say of surveys, as those know them who may see them. Pure; read by `app.surveys.service`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple, Self

from app.web.paging import Place
from models.access import Caller, Thing, survey_thing
from models.owners import owner_address

if TYPE_CHECKING:
    from datetime import datetime
    from uuid import UUID

    import asyncpg


class SurveyKey(NamedTuple):
    """What a survey is known by: two owners may have surveys of one name.

    Attributes:
        owner: the email address, in the one form that addresses are compared in (`models.owners`).
        name: what its versions and translations have in common.
    """

    owner: str
    name: str

    @classmethod
    def of(cls, owner: str, name: str) -> Self:
        """Return the key of a survey, however the address of its owner is written."""
        return cls(owner_address(owner), name)


@dataclass(frozen=True, slots=True)
class Survey:
    """A survey of an owner: its versions and translations are one, by its name.

    Attributes:
        key: what it is known by.
        title: of its newest version.
        shortcodes: of all versions.
        created: when its first version was made.
        versions: how many there are.
        ids: of all versions.
        shared_with: the addresses of those who may see and export it too, the first one first.
    """

    key: SurveyKey
    title: str | None
    shortcodes: tuple[str, ...]
    created: datetime
    versions: int
    ids: tuple[UUID, ...]
    shared_with: tuple[str, ...]

    @classmethod
    def of(cls, record: asyncpg.Record) -> Self:
        """Read what a statement that finds surveys says of one."""
        return cls(
            SurveyKey(record["owner"], record["survey_name"]),
            record["title"],
            tuple(code for code in record["shortcodes"] if code is not None),
            record["created"],
            record["versions"],
            tuple(record["ids"]),
            tuple(record["shared_with"]),
        )

    @property
    def name(self) -> str:
        """What its owner calls it."""
        return self.key.name

    @property
    def thing(self) -> Thing:
        """What the right to it depends on."""
        return survey_thing(self.key.owner, self.name, frozenset(self.shared_with))

    @property
    def place(self) -> Place:
        """Where it is in a list of surveys."""
        return Place(self.created, f"{self.name}\n{self.key.owner}")

    def is_of(self, caller: Caller) -> bool:
        """Tell whether it is the caller's own, and not shared with them."""
        return self.key.owner == caller.email


@dataclass(frozen=True, slots=True)
class Share:
    """That a survey is shared with somebody.

    Attributes:
        address: with whom.
        shared_by: who did it.
        shared: when.
    """

    address: str
    shared_by: str
    shared: datetime


@dataclass(frozen=True, slots=True)
class Counts:
    """How much there is of a survey.

    Attributes:
        chat_log: how many messages were said.
        responses: how many answers there are.
    """

    chat_log: int
    responses: int
