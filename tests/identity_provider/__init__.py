"""An identity provider in a process of its own: OpenID Connect by the letter, and hostile on request.

It begins quickly, as it imports nothing of ours. `process` starts it.
"""

from tests.identity_provider.behaviour import Behaviour, Trick

__all__ = ["Behaviour", "Trick"]
