"""Asks the worker or the API of this container whether it is live, for the image's HEALTHCHECK.

Exits with 0 if it is. Which of the two runs shows by which port answers; both say it at /health/live. It is
asked where it listens, so by IPv6 where that is all there is.
"""

from __future__ import annotations

import os
import sys
import urllib.error
import urllib.request

from app.settings.service_links import service_links
from models.hosts import reached_at, with_port

_TIMEOUT_S = 4.0
#: Without the settings, for these need what a probe has no business with.
_LISTENING = (("WEB_HOST", "WEB_PORT", "6066"), ("API_HOST", "API_PORT", "8000"))


def main() -> int:
    """Return the exit status: 0 for live, 1 for not live or no answer."""
    variables = {name: value for name, value in os.environ.items() if name not in service_links(os.environ)}
    # The container asks itself: a proxy of its environment is for what is outside.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    for host, port, default in _LISTENING:
        at = with_port(reached_at(variables.get(host, "127.0.0.1")), variables.get(port, default))
        try:
            opener.open(f"http://{at}/health/live", timeout=_TIMEOUT_S).close()
        except urllib.error.HTTPError:
            return 1
        except OSError:
            continue
        return 0
    return 1


if __name__ == "__main__":
    sys.exit(main())
