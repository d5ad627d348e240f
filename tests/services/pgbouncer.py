"""A real PgBouncer before the PostgreSQL of the tests: Debian's package, which has to be there already."""

from __future__ import annotations

import configparser
import os
import shutil
import signal
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar
from urllib.parse import unquote, urlsplit

import asyncpg
import pytest

from app.local.embedded import scratch_directory
from app.local.embedded.account import account_for
from app.local.embedded.ports import LOOPBACK
from app.local.embedded.service import Service
from tests.services.waiting import in_own_loop

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from app.local.embedded.process import Process

#: Debian keeps programs for administrators out of an ordinary user's PATH.
_WHERE = f"{os.environ.get('PATH', os.defpath)}:/usr/sbin"
#: What the package installs.
PACKAGED = Path("/etc/pgbouncer/pgbouncer.ini")
#: What people make of it for many clients: fewer sessions than connections, and what other drivers send let
#: pass.
TRANSACTION_MODE = {
    "pool_mode": "transaction",
    "default_pool_size": "5",
    "ignore_startup_parameters": "extra_float_digits,options,statement_timeout",
}


class PgBouncer(Service):
    """PgBouncer on the user and the databases of one server; see `Service` for its life."""

    name = "PgBouncer"
    _stop_signal: ClassVar[signal.Signals] = signal.SIGTERM
    _death_signal: ClassVar[signal.Signals] = signal.SIGKILL

    def __init__(self, directory: Path, server_url: str, changed: Mapping[str, str]) -> None:
        """Describe it; nothing is started.

        Args:
            directory: holds its files, and nothing else.
            server_url: of a database on the server, with the user that is known to PgBouncer.
            changed: settings that differ from the package's.
        """
        super().__init__(directory)
        self._server = urlsplit(server_url)
        self._changed = changed
        self._account = account_for(directory)

    def url_of(self, database_url: str) -> str:
        """Return the URL of a database of the server, through PgBouncer."""
        parts = urlsplit(database_url)
        account = parts.netloc.rpartition("@")[0]
        return parts._replace(netloc=f"{account}@{LOOPBACK}:{self.port}").geturl()

    async def _prepare(self) -> None:
        self._write_settings()
        self._users.write_text(f'"{self._server.username}" "{unquote(self._server.password or "")}"\n')
        if self._account is not None:
            for path in (self._users, self._settings):
                shutil.chown(path, self._account.uid, self._account.gid)

    def _write_settings(self) -> None:
        settings = configparser.ConfigParser(interpolation=None)
        settings.read_string(PACKAGED.read_text())
        settings["databases"] = {"*": f"host={self._server.hostname} port={self._server.port or 5432}"}
        settings["pgbouncer"].update(
            {
                "listen_addr": LOOPBACK,
                "listen_port": str(self.port),
                # No socket file: its path may be too long, and its directory closed to us.
                "unix_socket_dir": "",
                "logfile": "",
                "pidfile": "",
                "auth_file": str(self._users),
                **self._changed,
            }
        )
        with self._settings.open("w") as file:
            settings.write(file)

    def _launch(self) -> Process:
        return self._spawn([find_pgbouncer(), self._settings], self._account)

    async def _answers(self) -> bool:
        try:
            connection = await asyncpg.connect(self.url_of(self._server.geturl()), timeout=5)
        except (OSError, asyncpg.PostgresError):
            return False
        await connection.close()
        return True

    @property
    def _settings(self) -> Path:
        return self.directory / "pgbouncer.ini"

    @property
    def _users(self) -> Path:
        return self.directory / "userlist.txt"


def find_pgbouncer() -> str:
    """Return the path of PgBouncer; without one, skip the test, but fail it in CI: there it has to run."""
    found = shutil.which("pgbouncer", path=_WHERE)
    if found and os.access(PACKAGED, os.R_OK):
        return found
    missing = (
        f"No PgBouncer, or its {PACKAGED} cannot be read: apt-get install pgbouncer, and run this as root or "
        "as a member of its group"
    )
    if os.environ.get("CI"):
        pytest.fail(missing)
    pytest.skip(missing)


@contextmanager
def shared_pgbouncer(server_url: str, changed: Mapping[str, str]) -> Iterator[PgBouncer]:
    """Give a PgBouncer before a server, with settings that differ from the package's."""
    find_pgbouncer()
    with scratch_directory() as directory:
        pooler = PgBouncer(directory / "pgbouncer", server_url, changed)
        in_own_loop(pooler.start())
        try:
            yield pooler
        finally:
            in_own_loop(pooler.stop())
