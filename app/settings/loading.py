"""Reads the settings, and stops the start on what cannot be used or would go unread."""

import io
import os
from collections.abc import Iterator, Mapping
from pathlib import Path

from dotenv.parser import parse_stream
from pydantic import ValidationError

from app.settings.errors import ConfigurationError
from app.settings.joined import ALIASES, VARIABLES, Settings
from app.settings.service_links import service_links
from app.settings.spelling import meant_by


def load_settings() -> Settings:
    """Read the settings from the environment and `.env`.

    Raises:
        ConfigurationError: one line for each variable that cannot be used, never with its value.
    """
    try:
        links = service_links(os.environ)
        named = _dotenv() | {name: value for name, value in os.environ.items() if name not in links}
        settings = Settings()
    except ValidationError as error:
        raise ConfigurationError("\n".join(_explain(error))) from None
    except (OSError, UnicodeDecodeError):
        raise ConfigurationError(
            f"{Path('.env').absolute()} cannot be read; accepted: a UTF-8 file with lines NAME=value"
        ) from None
    if misspelt := list(_misspelt({name.upper(): value for name, value in named.items()})):
        raise ConfigurationError("\n".join(misspelt))
    return settings


def ignored_variables() -> list[str]:
    """Return which variables of the environment have the name of a setting, but are none: for the log."""
    return sorted(name for name in service_links(os.environ) if name.upper() in VARIABLES)


def _dotenv() -> dict[str, str | None]:
    """Return what `.env` names, once it is sure that nothing of ours in it would go unread.

    Raises:
        ConfigurationError: a line is not NAME=value; says which, and nothing of what it holds.
    """
    path = Path(".env")
    if not path.is_file():
        return {}
    named: dict[str, str | None] = {}
    for binding in parse_stream(io.StringIO(path.read_text("utf-8-sig"))):
        is_ours = (binding.key or "").upper() in VARIABLES
        if binding.error or (is_ours and binding.value is None):
            blank_lines = binding.original.string[: -len(binding.original.string.lstrip())].count("\n")
            raise ConfigurationError(
                f"{path.absolute()}, line {binding.original.line + blank_lines}: cannot be understood; "
                "accepted: NAME=value, the value in quotes or not, and every quote closed"
            )
        if binding.key is not None:
            named[binding.key] = binding.value
    return named


def _misspelt(named: Mapping[str, str | None]) -> Iterator[str]:
    """Tell of variables that mean one of ours: an export must not go elsewhere than meant."""
    for name in sorted(named.keys() - VARIABLES.keys() - ALIASES.keys()):
        if meant := meant_by(name, VARIABLES.keys(), named):
            yield (
                f"{name}: not a setting; did you mean {meant}? If another program needs it, keep it out of "
                "this one's environment"
            )


def _explain(error: ValidationError) -> list[str]:
    variables = {place: variable for variable, place in VARIABLES.items()}
    lines: dict[str, str] = {}
    for problem in error.errors(include_url=False, include_input=False):
        # What is wrong with one field; or, with an area as a whole, that fields do not go together.
        name = variables.get((str(problem["loc"][0]), str(problem["loc"][1]))) if problem["loc"][1:] else None
        said = problem["msg"].removeprefix("Value error, ")
        lines.setdefault(name or said, f"{name}: {said}" if name else said)
    return list(lines.values())
