"""Every setting of the application, typed, from the environment and `.env`: an area a module.

Nothing else reads the environment. A value that cannot be used stops the start with the variable's name
and what is accepted (`load_settings`). README documents each variable; a test keeps the two equal.
"""

from app.settings.errors import ConfigurationError
from app.settings.joined import VARIABLES, Settings, by_area
from app.settings.loading import ignored_variables, load_settings
from app.settings.topology import Role

__all__ = [
    "VARIABLES",
    "ConfigurationError",
    "Role",
    "Settings",
    "by_area",
    "ignored_variables",
    "load_settings",
]
