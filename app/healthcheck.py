"""Asks the worker or the API of this container whether it is live, for the image's HEALTHCHECK.

Exits with 0 if it is. Which of the two runs shows by which port answers; both say it at /health/live.
"""

from __future__ import annotations

import os
import sys
import urllib.error
import urllib.request

_TIMEOUT_S = 4.0
#: Without the settings, for these need what a probe has no business with.
_PORTS = (("WEB_PORT", "6066"), ("API_PORT", "8000"))


def main() -> int:
    """Return the exit status: 0 for live, 1 for not live or no answer."""
    for variable, default in _PORTS:
        url = f"http://127.0.0.1:{os.environ.get(variable, default)}/health/live"
        try:
            urllib.request.urlopen(url, timeout=_TIMEOUT_S).close()
        except urllib.error.HTTPError:
            return 1
        except OSError:
            continue
        return 0
    return 1


if __name__ == "__main__":
    sys.exit(main())
