"""moto's S3 server in a process of its own: what it holds is gone with it."""

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.error import URLError
from urllib.request import urlopen

from app.local.embedded import free_port

_START_S = 60.0
_STOP_S = 10.0
_POLL_S = 0.1


@contextmanager
def moto_server() -> Iterator[str]:
    """Run moto and give its URL."""
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            _until_it_answers(url, process)
            yield url
        finally:
            process.terminate()
            try:
                process.wait(_STOP_S)
            except subprocess.TimeoutExpired:
                process.kill()


def _until_it_answers(url: str, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + _START_S
    while process.poll() is None and time.monotonic() < deadline:
        try:
            urlopen(f"{url}/moto-api/", timeout=5).close()
        except (URLError, TimeoutError):
            time.sleep(_POLL_S)
        else:
            return
    raise RuntimeError(f"moto did not start (exit status {process.poll()})")
