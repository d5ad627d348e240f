"""The address that people reach the API and its pages by: from settings, and never from a request."""

from __future__ import annotations

from typing import TYPE_CHECKING

from app.settings import ConfigurationError
from models.hosts import is_loopback, with_port

if TYPE_CHECKING:
    from app.settings.api import ApiSettings


def address_of(api: ApiSettings) -> str:
    """Return the URL that people reach us by, without a slash at its end. No request has a say in it."""
    return api.public_url or f"http://{with_port(api.host, api.port)}"


def check_address(api: ApiSettings) -> None:
    """Make sure that who is beyond this machine is given addresses that we chose.

    Raises:
        ConfigurationError: requests could come by names that nobody named to us.
    """
    if api.public_url is None and not is_loopback(api.host):
        raise ConfigurationError(
            f"API_HOST={api.host} opens the API to other machines: set API_PUBLIC_URL to the "
            "address that people use (https, where a proxy ends TLS), or use 127.0.0.1"
        )
