"""All areas of settings, as one process has them, and the variables that set them."""

from collections.abc import Mapping
from typing import Any, Self

from pydantic import SecretStr
from pydantic.fields import FieldInfo
from pydantic_settings import (
    BaseSettings,
    EnvSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)

from app.settings.api import ApiSettings
from app.settings.area import Area
from app.settings.connect import ConnectSettings
from app.settings.database import DatabaseSettings
from app.settings.discord import DiscordSettings
from app.settings.exports import ExportSettings
from app.settings.kafka import KafkaSettings
from app.settings.limits import LimitSettings
from app.settings.logs import LogSettings
from app.settings.oidc import OidcSettings
from app.settings.service_links import service_links
from app.settings.storage import StorageSettings
from app.settings.threads import ThreadSettings
from app.settings.topology import TopologySettings
from app.settings.turns import TurnSettings
from app.settings.twitch import TwitchSettings
from app.settings.web import WebSettings
from app.settings.webhooks import WebhookSettings
from app.settings.worker import WorkerSettings


class Settings(BaseSettings):
    """The settings of one process, area by area. What wires its parts gives each the areas that it needs."""

    model_config = SettingsConfigDict(
        env_file=".env", env_file_encoding="utf-8-sig", extra="forbid", frozen=True, hide_input_in_errors=True
    )

    database: DatabaseSettings = DatabaseSettings()
    kafka: KafkaSettings = KafkaSettings()
    topology: TopologySettings = TopologySettings()
    worker: WorkerSettings = WorkerSettings()
    storage: StorageSettings = StorageSettings()
    exports: ExportSettings = ExportSettings()
    api: ApiSettings = ApiSettings()
    oidc: OidcSettings = OidcSettings()
    limits: LimitSettings = LimitSettings()
    turns: TurnSettings = TurnSettings()
    threads: ThreadSettings = ThreadSettings()
    webhooks: WebhookSettings = WebhookSettings()
    web: WebSettings = WebSettings()
    connect: ConnectSettings = ConnectSettings()
    twitch: TwitchSettings = TwitchSettings()
    discord: DiscordSettings = DiscordSettings()
    log: LogSettings = LogSettings()

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003  there are none
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Read variables into their areas (pydantic-settings calls it)."""
        environment, dotenv = (_variables_of(source) for source in (env_settings, dotenv_settings))
        links = service_links(environment)
        ours = {name: value for name, value in environment.items() if name not in links}
        return init_settings, _ByArea(settings_cls, ours), _ByArea(settings_cls, dotenv)

    def replace(self, **areas: Mapping[str, object]) -> Self:
        """Return the settings with some set otherwise, unchecked: `replace(api={"port": 8001})`.

        Args:
            areas: new values by field, area by area.
        """
        return self.model_copy(
            update={name: getattr(self, name).model_copy(update=values) for name, values in areas.items()}
        )

    def as_environment(self) -> dict[str, str]:
        """Return the variables that make another process read these settings; secrets are in clear."""
        areas: dict[str, Area] = dict(self)
        return {
            variable: _as_text(getattr(areas[area], field))
            for variable, (area, field) in VARIABLES.items()
            if field in areas[area].model_fields_set
        }


#: Every variable, in capitals, with the area and the field that it sets.
VARIABLES: Mapping[str, tuple[str, str]] = {
    variable: (name, field)
    for name, area in Settings.model_fields.items()
    if isinstance(area.default, Area)
    for variable, field in area.default.variables().items()
}


#: Other names of some, as services that this one takes the place of have them; ours count first.
ALIASES: Mapping[str, str] = {"JWT_SECRET_KEY": "API_JWT_SECRET", "JWT_ALGORITHM": "API_JWT_ALGORITHM"}


def by_area(variables: Mapping[str, object]) -> dict[str, dict[str, object]]:
    """Return the values of those variables that are settings, by area and field.

    Args:
        variables: names in any case, as in an environment.
    """
    areas: dict[str, dict[str, object]] = {}
    # Aliases first, so that what has our own name takes their place.
    named = sorted(variables.items(), key=lambda one: one[0].upper() not in ALIASES)
    for name, value in named:
        if place := VARIABLES.get(ALIASES.get(name.upper(), name.upper())):
            area, field = place
            areas.setdefault(area, {})[field] = value
    return areas


class _ByArea(PydanticBaseSettingsSource):
    """The variables of one source, as pydantic-settings takes them."""

    def __init__(self, settings_cls: type[BaseSettings], variables: Mapping[str, str | None]) -> None:
        super().__init__(settings_cls)
        self._areas = by_area(variables)

    def get_field_value(self, field: FieldInfo, field_name: str) -> tuple[Any, str, bool]:  # noqa: ARG002
        """Return what is set of one area (the interface of pydantic-settings)."""
        return self._areas.get(field_name), field_name, False

    def __call__(self) -> dict[str, Any]:
        """Return what is set of each area."""
        return dict(self._areas)


def _variables_of(source: PydanticBaseSettingsSource) -> Mapping[str, str | None]:
    return source.env_vars if isinstance(source, EnvSettingsSource) else {}


def _as_text(value: object) -> str:
    if isinstance(value, SecretStr):
        return value.get_secret_value()
    if isinstance(value, tuple):
        return ",".join(value)
    return "" if value is None else str(value)
