"""What templates are made into text by: those of the API, and those of workers, which have no FastAPI."""

from __future__ import annotations

from datetime import UTC, datetime

from jinja2 import Environment, PackageLoader, StrictUndefined

from app.web import addresses, looks, words
from app.web.static_contents import address_of


def _ago(moment: datetime) -> str:
    return words.ago(moment, datetime.now(UTC))


ENVIRONMENT = Environment(
    loader=PackageLoader("app", "."),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
ENVIRONMENT.filters |= {
    "ago": _ago,
    "duration": words.duration,
    "exactly": words.exactly,
    "hue": looks.hue,
    "initials": looks.initials,
    "machine_readable": words.machine_readable,
    "number": words.number,
    "platform_name": looks.platform_name,
    "short": words.short,
    "size": words.size,
}
ENVIRONMENT.globals |= {
    "ages": words.AGES,
    "new_export_url": addresses.new_export,
    "people_url": addresses.people,
    "provider_url": addresses.sign_in_by_provider,
    "static": address_of,
    "survey_url": addresses.survey,
    "surveys_url": addresses.surveys,
    "tab_url": addresses.tab,
    "waiting_url": addresses.waiting,
}
