"""What keeps `chatlog up` from going on, beyond what its parts raise themselves."""


class UpFailed(Exception):  # noqa: N818 - says what is, as the errors of sinks do
    """It cannot go on; the message is for the person at the terminal and says what to do."""
