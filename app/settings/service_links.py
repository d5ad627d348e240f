"""Variables that Kubernetes (and links of Docker) put beside ours: told apart from settings.

For a Service called `api` every container of its namespace gets API_PORT=tcp://10.0.0.1:8000,
API_SERVICE_HOST, API_PORT_8000_TCP and more, whether it wants them or not. Pure.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

#: Where a Service is: the value of its NAME_PORT. No setting has one like it.
_ADDRESS = re.compile(r"(tcp|udp|sctp)://\S+:[0-9]+", re.IGNORECASE)
#: Names that say by themselves what they are.
_NAME = re.compile(
    r".+_SERVICE_HOST|.+_SERVICE_PORT(_.+)?|.+_PORT_[0-9]+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?", re.IGNORECASE
)


def service_links(variables: Mapping[str, str | None]) -> set[str]:
    """Return the names, as they are spelt, of those variables that tell where Services are."""
    return {
        name
        for name, value in variables.items()
        if _NAME.fullmatch(name)
        or (name.upper().endswith("_PORT") and _ADDRESS.fullmatch((value or "").strip()))
    }
