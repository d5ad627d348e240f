"""What is raised when a setting is missing or cannot be used, by whichever part needs it."""

from dataclasses import replace

from app.errors import ANSWERS, EXIT_SETTINGS, AppError
from models.errors import MustAct


class ConfigurationError(AppError):
    """A setting is missing or cannot be used; the message names it and says what is accepted."""

    must_act = MustAct.OPERATOR
    answer = replace(ANSWERS[MustAct.OPERATOR], exit_status=EXIT_SETTINGS)
