"""Starts the identity provider, and tells it how to behave."""

from __future__ import annotations

import subprocess
import sys
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import httpx

from app.local.embedded import free_port
from tests.identity_provider.behaviour import Behaviour
from tests.services.waiting import eventually, in_own_loop

if TYPE_CHECKING:
    from collections.abc import Iterator


@dataclass(frozen=True, slots=True)
class IdentityProviderProcess:
    """A running provider.

    Attributes:
        issuer: its name and address.
    """

    issuer: str

    def behave(self, **behaviour: Any) -> None:
        """Have it behave so from now on, and forget what it was asked; by the letter if nothing is said."""
        answer = httpx.put(f"{self.issuer}/behaviour", json=asdict(Behaviour(**behaviour)))
        assert answer.status_code == 204

    def asked(self) -> list[str]:
        """Return what it was asked for since then, such as `POST /token`."""
        told: list[str] = httpx.get(f"{self.issuer}/behaviour/asked").json()
        return told

    async def is_up(self) -> bool:
        async with httpx.AsyncClient() as client:
            try:
                return (await client.get(f"{self.issuer}/behaviour/asked")).status_code == 200
            except httpx.TransportError:
                return False


@contextmanager
def identity_provider() -> Iterator[IdentityProviderProcess]:
    """Run a provider."""
    port = free_port()
    process = subprocess.Popen([sys.executable, "-m", "tests.identity_provider", "--port", str(port)])
    try:
        provider = IdentityProviderProcess(f"http://127.0.0.1:{port}")
        in_own_loop(eventually(provider.is_up, what="the identity provider answers"))
        yield provider
    finally:
        process.kill()
        process.wait()
