"""The error of settings that cannot be used."""


class ConfigurationError(Exception):
    """A setting is missing or cannot be used; the message names it and says what is accepted."""
