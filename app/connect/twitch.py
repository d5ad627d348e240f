"""Listens to channels of Twitch's chat, connection after connection.

Where Twitch asks for it (RECONNECT), the next connection is made before the old one ends, so that nothing is
missed: lines that come by both are in Kafka twice, and are one row. Where a connection is lost, what was said
meanwhile is a gap: Twitch has no history.
"""

from __future__ import annotations

import asyncio
import logging
import random
import ssl
import time
from typing import TYPE_CHECKING

from app.connect.rate_limit import RateLimit
from app.connect.twitch_session import Chat, TwitchAccount, TwitchSession
from app.settings import ConfigurationError
from sinks.trouble import Trouble

if TYPE_CHECKING:
    from collections.abc import Sequence

    from app.connect.connector import Connector
    from app.settings.twitch import TwitchSettings

log = logging.getLogger(__name__)

#: Twitch allows an account that is no verified bot 20 in 10 s, as they come in there, and ends the connection
#: of one that goes over it. Some may be longer on their way than others.
JOINS, JOINS_WITHIN_S = 20, 12.0
#: How long is waited before it is tried again, at first and at most; less, by chance, or all come at once.
FIRST_WAIT_S, LONGEST_WAIT_S = 0.5, 60.0
#: After a connection that lasted so long, the next one is not an attempt that follows a failure.
STEADY_S = 30.0


class TwitchChat:
    """Hears channels, until cancelled.

    Args:
        twitch: where the chat is, and as whom it is read.
        logins: of the channels, in lower case.
    """

    def __init__(self, twitch: TwitchSettings, logins: Sequence[str]) -> None:
        host, _, port = twitch.irc_server.rpartition(":")
        self._chat = Chat(
            host.strip("[]"),
            int(port),
            _trust(twitch),
            _account(twitch),
            tuple(dict.fromkeys(logins)),
            RateLimit(JOINS, JOINS_WITHIN_S),
        )
        self._rooms: dict[str, str] = {}
        self._trouble = Trouble(log)

    async def listen(self, connector: Connector) -> None:
        """Hear the channels: `run_connector` calls it.

        Raises:
            ConfigurationError: Twitch refuses the login.
        """
        running: dict[TwitchSession, asyncio.Task[None]] = {}
        failures = 0
        try:
            while True:
                # Whoever has no room for lines need not ask for more of them.
                await connector.handing_in.room()
                session = TwitchSession(self._chat, connector, self._rooms, running)
                running[session] = asyncio.create_task(self._run(session))
                began = time.monotonic()
                asked = asyncio.ensure_future(session.is_asked_to_go.wait())
                await asyncio.wait({running[session], asked}, return_when=asyncio.FIRST_COMPLETED)
                asked.cancel()
                failures = 0 if time.monotonic() - began > STEADY_S else failures + 1
                for over in [old for old, task in running.items() if task.done()]:
                    running.pop(over).result()
                await asyncio.sleep(_wait_s(failures))
        finally:
            for task in running.values():
                task.cancel()
            if running:
                await asyncio.wait(running.values())

    async def _run(self, session: TwitchSession) -> None:
        """Run a session to its end; what can be mended by another is told, and not raised."""
        try:
            await session.run()
        except OSError as error:
            if session.is_asked_to_go.is_set():
                return
            if session.has_joined:
                self._trouble.forget()
            self._trouble.note(
                "Twitch's chat is not heard; it is tried again, and what was said meanwhile is a gap",
                {"error": str(error) or type(error).__name__},
            )


def _account(twitch: TwitchSettings) -> TwitchAccount:
    if twitch.login is None or twitch.token is None:
        return TwitchAccount(f"justinfan{random.randint(1000, 999_999)}", None)  # noqa: S311  a name, and no secret
    return TwitchAccount(twitch.login, twitch.token.get_secret_value())


def _trust(twitch: TwitchSettings) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=twitch.irc_ca_file)
    except OSError as error:
        raise ConfigurationError(
            f"TWITCH_IRC_CA_FILE: cannot be used ({error.strerror or error}); accepted: a readable file in "
            "PEM form"
        ) from error


def _wait_s(failures: int) -> float:
    if not failures:
        return 0.0
    longest: float = min(LONGEST_WAIT_S, FIRST_WAIT_S * 2**failures)
    return longest * random.uniform(0.5, 1.0)  # noqa: S311  jitter
