"""Freezes a service: it keeps its connections, and says nothing any more."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from tests.local.embedded.processes import family_of, freeze, thaw

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def frozen(pid: int) -> Iterator[None]:
    """Stop a process and all that descend from it, until the end of the block."""
    family = family_of(pid)
    freeze(family)
    try:
        yield
    finally:
        thaw(family)
