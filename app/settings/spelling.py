"""Whether a variable's name is nearly one of ours: a slip of the fingers, and not another program's. Pure.

An environment holds many names that mean others (KAFKA_HOME, API_KEY, DATABASE_HOST), so near is one slip:
a letter too many, too few, wrong or swapped; two only in a name whose words still resemble the meant ones.
"""

from __future__ import annotations

import difflib
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

#: A word may have so many slips, by its length: two of three letters are another word (SSL, URL).
_LONG_WORD = 7
#: How many in all, by the length of the name: two in a short one are another name (APP_HOST, WEB_PORT).
_LONG_NAME = 12
#: Where a name that is only alike, and longer or shorter by a word, is taken for ours while ours is not set.
_OUR_PREFIXES = ("STORAGE_", "EXPORT_", "API_", "VLAB_", "TOPIC_", "OIDC_")
#: How alike, by difflib's measure.
_ALIKE = 0.85

#: Names of others that are one slip away from API_HOST, API_PORT and the like; and Faust's, as F_DATADIR.
_OF_OTHERS = ("APP_", "APM_", "F_")
#: What Kubernetes and Docker make of a service's name: API_PORT=tcp://10.0.0.1:80 where it is `api`.
_LINKED = re.compile(r"(tcp|udp|sctp)://")


def meant_by(name: str, ours: Collection[str], named: Mapping[str, str | None]) -> str | None:
    """Return which of our names a name that is none of ours is nearly; None if it is another program's.

    Args:
        name: in capitals.
        ours: our names, in capitals.
        named: what is set, names in capitals: `name` among them.
    """
    if name.startswith(_OF_OTHERS) or _LINKED.match(named[name] or ""):
        return None
    near = [(slips(name, one), one) for one in ours if _is_near(name, one)]
    if near:
        return min(near)[1]
    if name.startswith(_OUR_PREFIXES):
        return next(
            iter(difflib.get_close_matches(name, sorted({*ours} - {*named}), n=1, cutoff=_ALIKE)), None
        )
    return None


def _is_near(name: str, ours: str) -> bool:
    # Most names of an environment are not worth counting: two slips bring or take four letters at most.
    if abs(len(name) - len(ours)) > 2 or len({*name} ^ {*ours}) > 4:
        return False
    # Underscores are neither here nor there: DATABASEURL, WEBTOKN.
    if slips(name, ours) <= 1 or slips(name.replace("_", ""), ours.replace("_", "")) <= 1:
        return True
    words = list(zip(name.split("_"), ours.split("_"), strict=False))
    return (
        len(ours) >= _LONG_NAME
        and name.count("_") == ours.count("_")
        and slips(name, ours) <= 2
        and all(slips(one, other) <= (2 if len(other) >= _LONG_WORD else 1) for one, other in words)
    )


def slips(one: str, other: str) -> int:
    """Return how many letters are too many, too few, wrong, or swapped with their neighbour."""
    before: list[int] = []
    above = list(range(len(other) + 1))
    for i, letter in enumerate(one, 1):
        row = [i]
        for j, meant in enumerate(other, 1):
            least = min(above[j] + 1, row[j - 1] + 1, above[j - 1] + (letter != meant))
            if i > 1 and j > 1 and letter == other[j - 2] and one[i - 2] == meant:
                least = min(least, before[j - 2] + 1)
            row.append(least)
        before, above = above, row
    return above[-1]
