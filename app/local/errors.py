"""What keeps `chatlog up` from going on, beyond what its parts raise themselves."""

from models.errors import ChatlogError, MustAct


class UpFailed(ChatlogError):
    """It cannot go on; the message is for the person at the terminal and says what to do."""

    must_act = MustAct.OPERATOR
