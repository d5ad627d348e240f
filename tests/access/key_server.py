"""An issuer's key server in all its moods, of which a test can see how often it was asked."""

from __future__ import annotations

import http.server
import json
import threading
from enum import Enum, auto
from typing import TYPE_CHECKING, Any

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, rsa

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes

RSA_KEY = rsa.generate_private_key(65537, 2048)
EC_KEY = ec.generate_private_key(ec.SECP256R1())
SHARED = "a key of the server that is no public one"


def jwk(key: PrivateKeyTypes, kid: str, kind: str) -> dict[str, Any]:
    algorithm = {"RSA": jwt.algorithms.RSAAlgorithm, "EC": jwt.algorithms.ECAlgorithm}[kind]
    public: dict[str, Any] = algorithm.to_jwk(key.public_key(), as_dict=True)  # type: ignore[attr-defined]
    return public | {"kid": kid, "use": "sig"}


#: Of all kinds that a server may have.
KEYS = [
    jwk(RSA_KEY, "r", "RSA"),
    jwk(EC_KEY, "e", "EC"),
    jwt.algorithms.HMACAlgorithm.to_jwk(SHARED, as_dict=True) | {"kid": "o"},
]


class Mood(Enum):
    """How the server answers."""

    WELL = auto()
    HANGING = auto()
    DRIPPING = auto()
    REDIRECTING = auto()


class KeyServer:
    """A server of keys.

    Attributes:
        mood: how it answers; it can be changed while it hangs, and `release` lets those go who wait.
        status: of its answers.
        body: of its answers.
        asked: how often it was.
        url: where it is.
    """

    def __init__(self) -> None:
        self.mood = Mood.WELL
        self.status = 200
        self.body = json.dumps({"keys": KEYS}).encode()
        self.asked = 0
        self._let_go = threading.Event()
        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()
        self.url = f"http://127.0.0.1:{self._server.server_port}/jwks.json"

    def release(self) -> None:
        """Answer those who wait, and whoever asks from now on."""
        self.mood = Mood.WELL
        self._let_go.set()

    def stop(self) -> None:
        self.release()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def _handler(self) -> type[http.server.BaseHTTPRequestHandler]:
        server = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                server.asked += 1
                if self.path != "/elsewhere" and server.mood is Mood.REDIRECTING:
                    self._begin(302, Location="/elsewhere")
                    return
                if server.mood is Mood.HANGING:
                    server._let_go.wait()
                self._begin(server.status)
                if server.mood is Mood.DRIPPING:
                    # White space is no error, and no end.
                    while not server._let_go.wait(0.05):
                        self.wfile.write(b" ")
                        self.wfile.flush()
                self.wfile.write(server.body)

            def _begin(self, status: int, **headers: str) -> None:
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.end_headers()

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002  the base class's
                """Say nothing."""

        return Handler
