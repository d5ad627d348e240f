"""Who must act when a sink fails: the service (wait and retry), or us and the operator (stop).

What the record itself is to blame for is `models.errors.BadRecord`, and goes to the dead letters.
"""

from models.errors import ChatlogError, MustAct


class SinkError(ChatlogError):
    """Something outside the record is wrong; the message says what happened and what to do."""


class ServiceDown(SinkError):
    """A service is down, slow or refuses for now. Nothing is lost: retry with backoff, hold the partition."""

    must_act = MustAct.SERVICE


class CannotGoOn(SinkError):
    """Retrying cannot help and the record is not to blame: stop the worker and say so."""

    must_act = MustAct.OPERATOR
