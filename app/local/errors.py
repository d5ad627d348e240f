"""What keeps `chatlog up` from going on, beyond what its parts raise themselves."""


class UpFailed(Exception):
    """It cannot go on; the message is for the person at the terminal and says what to do."""
