"""Why an event is not taken that somebody brings."""

from app.access.errors import AuthError
from app.errors import NotFound


class NoSuchEntrance(NotFound):
    """Nothing is taken here: the platform is not known or not captured, or its webhook is not set up."""


class NotFromPlatform(AuthError):
    """A webhook is called by somebody who does not prove to be its platform; the message says what lacks."""
