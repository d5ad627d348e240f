"""From which address somebody asks."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fastapi import Request


def client_address(request: Request) -> str | None:
    """Return the address that a request comes from; None where it comes by none."""
    return request.client.host if request.client else None
