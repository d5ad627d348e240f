"""Which request it is: by an id that whoever asks gives, or we do; answers, problems and logs say it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from asgi_correlation_id import CorrelationIdMiddleware

if TYPE_CHECKING:
    from starlette.types import ASGIApp

HEADER = "X-Request-ID"
_IS_ONE = re.compile(r"[A-Za-z0-9._-]{1,64}")


class RequestIds(CorrelationIdMiddleware):
    """Gives each request its id; one that a client gives, if it can be one."""

    def __init__(self, app: ASGIApp) -> None:
        super().__init__(
            app,
            header_name=HEADER,
            update_request_header=False,
            validator=lambda told: _IS_ONE.fullmatch(told) is not None,
        )
