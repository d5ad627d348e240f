"""Values out of somebody else's JSON, where a wrong one is none: for what a row can do without.

What a row cannot do without is asked for by `models.fields`, which refuses.
"""

from models import JSON

#: Stands for an object that isn't there, so that a field of it can be asked for all the same. Never changed.
NOTHING: dict[str, JSON] = {}


def object_in(value: JSON) -> dict[str, JSON]:
    """Return an object as it is; for anything else, an empty one."""
    return value if type(value) is dict else NOTHING


def list_in(value: JSON) -> list[JSON]:
    """Return a list as it is; for anything else, an empty one."""
    return value if type(value) is list else []


def id_or_none(value: JSON) -> str | None:
    """Return an identifier as text, a whole number as its digits; None for '' and the rest."""
    if type(value) is str:
        return value or None
    return str(value) if type(value) is int else None


def text_or_none(value: JSON) -> str | None:
    """Return text that says something; None for '' and for what is no text."""
    return value if type(value) is str and value else None


def is_true(value: JSON) -> bool:
    """Tell whether JavaScript takes a value for true: an object and a list are, even when empty."""
    return value is not None and (bool(value) or type(value) is dict or type(value) is list)
