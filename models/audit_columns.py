"""In which table and columns audits and leads come: as Prisma writes them, or as a file says. Pure.

A mapping is TOML; what it leaves out is as here:

    [audit]
    table = "Audit"
    lead_id = "leadId"

A name that is not given is looked for as Prisma writes it, and then in snake_case.
"""

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from models.errors import ChatlogError, MustAct

#: What is known of each, in the order of `models.audits`; and what has to be there.
AUDIT_FIELDS = ("id", "lead_id", "actor", "action", "created_at", "payload")
LEAD_FIELDS = ("id", "customer_id", "channel", "messenger_psid", "phone", "stage", "created_at")
REQUIRED = frozenset({"id", "lead_id", "actor", "payload"})
_REQUIRED_OF_AUDIT = REQUIRED | {"created_at"}
_FIELDS = MappingProxyType({"audit": AUDIT_FIELDS, "lead": LEAD_FIELDS})
_TABLE = "table"


class UnfitColumns(ChatlogError):
    """A column is not there, or a mapping is none; the message says which."""

    must_act = MustAct.CALLER


@dataclass(frozen=True, slots=True)
class TableColumns:
    """Where one kind of thing is.

    Attributes:
        kind: `audit` or `lead`, which is also what its files are called.
        table: its table, with its schema if that is not the first of the search path.
        names: for each field the names that its column may have, the first that is there.
        mapped: those that a mapping names.
    """

    kind: str
    table: str
    names: Mapping[str, tuple[str, ...]]
    mapped: frozenset[str] = frozenset()

    def among(self, there: Collection[str], where: str) -> dict[str, str]:
        """Return the column of each field that has one.

        Args:
            there: the columns that there are.
            where: for people.

        Raises:
            UnfitColumns: one is missing that is needed, or mapped.
        """
        found = {
            field: next((name for name in names if name in there), None)
            for field, names in self.names.items()
        }
        needed = self.mapped | (_REQUIRED_OF_AUDIT if self.kind == "audit" else {"id"})
        if missing := [field for field in found if field in needed and found[field] is None]:
            raise self._without(missing, where)
        return {field: name for field, name in found.items() if name is not None}

    def require_mapped(self, there: Collection[str], where: str) -> None:
        """Make sure that what a mapping names is there; the rest may be left out of an object of JSON.

        Args:
            there: the keys of an object.
            where: for people.

        Raises:
            UnfitColumns: one is missing.
        """
        if missing := [
            field for field in self.names if field in self.mapped and self.names[field][0] not in there
        ]:
            raise self._without(missing, where)

    def _without(self, missing: list[str], where: str) -> UnfitColumns:
        looked_for = "; ".join(f"{field}: {' or '.join(self.names[field])}" for field in missing)
        return UnfitColumns(
            f"{where} has no column for {', '.join(missing)} (looked for {looked_for}): say what they "
            "are called with --mapping FILE"
        )


@dataclass(frozen=True, slots=True)
class AuditColumns:
    """Where audits and leads are.

    Attributes:
        audit: the audits.
        lead: the leads.
    """

    audit: TableColumns
    lead: TableColumns


def columns_of(mapping: Mapping[str, object]) -> AuditColumns:
    """Return where audits and leads are, as a mapping says.

    Args:
        mapping: of TOML; an empty one for what Prisma writes.

    Raises:
        UnfitColumns: it says something that there is not.
    """
    if unknown := sorted(set(mapping) - set(_FIELDS)):
        raise UnfitColumns(f"The mapping has {', '.join(unknown)}; there are [audit] and [lead].")
    return AuditColumns(_table_of("audit", mapping), _table_of("lead", mapping))


def _table_of(kind: str, mapping: Mapping[str, object]) -> TableColumns:
    said = mapping.get(kind, {})
    known = (_TABLE, *_FIELDS[kind])
    if not isinstance(said, Mapping) or not all(isinstance(name, str) and name for name in said.values()):
        raise UnfitColumns(f"In the mapping, [{kind}] has a name in quotes for each of {', '.join(known)}.")
    if unknown := sorted(set(said) - set(known)):
        raise UnfitColumns(
            f"In the mapping, [{kind}] has {', '.join(unknown)}; there are {', '.join(known)}."
        )
    names = {
        field: (str(said[field]),) if field in said else tuple(dict.fromkeys((_camel(field), field)))
        for field in _FIELDS[kind]
    }
    table = str(said.get(_TABLE, kind.title()))
    return TableColumns(kind, table, MappingProxyType(names), frozenset(said) - {_TABLE})


def _camel(name: str) -> str:
    return re.sub(r"_([a-z])", lambda found: found[1].upper(), name)
