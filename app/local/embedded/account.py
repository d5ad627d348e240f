"""The user that PostgreSQL runs as: it refuses root, so root lends it another user that exists.

Nothing is added to the system and no permission of an existing directory is changed.
"""

import os
import pwd
import stat
from dataclasses import dataclass
from pathlib import Path

from app.local.embedded.errors import DirectoryError, NotAvailableError

_CANDIDATES = ("postgres", "nobody")


@dataclass(frozen=True, slots=True)
class Account:
    """A user and its group, by number: in a container, files may belong to a user without a name."""

    uid: int
    gid: int
    name: str


def account_for(data: Path) -> Account | None:
    """Return the user to run PostgreSQL as, or nothing when the present user will do.

    Args:
        data: where the data is or will be; data that exists is left to its owner.

    Raises:
        NotAvailableError: this is root, and there is no user to lend.
    """
    if os.geteuid() != 0:
        return None
    if data.exists() and (owner := data.stat()).st_uid != 0:
        return Account(owner.st_uid, owner.st_gid, f"user {owner.st_uid}")
    for name in _CANDIDATES:
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return Account(entry.pw_uid, entry.pw_gid, f"user {name}")
    raise NotAvailableError(
        "PostgreSQL refuses to run as root, and there is no user postgres or nobody to run it as: start this "
        "as an ordinary user, or set DATABASE_URL"
    )


def can_reach(account: Account, path: Path) -> bool:
    """Tell whether `account` may enter `path`, which exists, and every directory above it."""
    path = path.resolve()
    return all(_may_enter(account, place) for place in (path, *path.parents))


def check_reach(account: Account, directory: Path) -> None:
    """Make sure that `account` can work in `directory`, which exists.

    Raises:
        DirectoryError: a directory above it is closed to the account.
    """
    if not can_reach(account, directory):
        raise DirectoryError(
            f"PostgreSQL refuses to run as root, and {account.name}, whom it would run as, cannot enter "
            f"{directory}: choose a directory open to all, such as /var/tmp/chatlog, or start this as an "
            "ordinary user"
        )


def _may_enter(account: Account, place: Path) -> bool:
    status = place.stat()
    if account.uid == status.st_uid:
        return bool(status.st_mode & stat.S_IXUSR)
    if account.gid == status.st_gid:
        return bool(status.st_mode & stat.S_IXGRP)
    return bool(status.st_mode & stat.S_IXOTH)
