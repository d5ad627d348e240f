"""Every setting of the application, typed, from the environment and `.env`.

Nothing else reads the environment. A value that cannot be used stops the start with the variable's name
and what is accepted (`load_settings`). README documents each variable; a test keeps the two equal.
"""

import io
import os
import re
from collections.abc import Collection, Iterator, Mapping
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Literal, Self
from urllib.parse import urlsplit

from dotenv.parser import parse_stream
from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    PostgresDsn,
    SecretStr,
    TypeAdapter,
    ValidationError,
    model_validator,
)
from pydantic_settings import (
    BaseSettings,
    EnvSettingsSource,
    NoDecode,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)

from app.settings.service_links import service_links
from app.settings.spelling import meant_by
from models.hosts import bare_host, is_loopback, is_safe_url


class ConfigurationError(Exception):
    """A setting is missing or cannot be used; the message names it and says what is accepted."""


#: What is told to whoever starts a capture worker while it has nothing to do.
CAPTURE_IS_OFF = "capture is off: VLAB_CHAT_LOG_TOPIC is unset or empty; set it to turn capture on"


class Role(StrEnum):
    """A kind of worker: its own Faust app, its own consumer group, scaled and restarted on its own."""

    CAPTURE = "capture"
    PERSIST = "persist"
    EXPORT = "export"


def _split_on_commas(value: object) -> object:
    return [part.strip() for part in value.split(",") if part.strip()] if isinstance(value, str) else value


def _empty_is_unset(value: object) -> object:
    return None if isinstance(value, str) and not value.strip() else value


def _check_postgres_url(value: SecretStr) -> SecretStr:
    url = value.get_secret_value()
    try:
        # A socket has no host in the URL; and of the schemes that pydantic knows, the driver knows two.
        if "host=" not in urlsplit(url).query:
            TypeAdapter(PostgresDsn).validate_python(url)
        is_one = url.startswith(("postgresql://", "postgres://"))
    except ValueError:
        is_one = False
    if not is_one:
        # In words of our own: those of a library can quote a part of the URL.
        raise ValueError(f"not the URL of a PostgreSQL database; accepted: {DATABASE_URL_FORM}")
    return value


def _check_servers(servers: list[str]) -> list[str]:
    for server in servers:
        matched = _SERVER.fullmatch(server)
        if not matched or not 0 < int(matched["port"]) < 65536:
            # Not quoted: it may be a URL with a password.
            raise ValueError(f"not servers; accepted: {SERVERS_FORM}")
    return servers


def _check_http_url(value: str | None) -> str | None:
    if value is None:
        return None
    try:
        parts = urlsplit(value)
        is_one = parts.scheme in {"http", "https"} and bool(parts.hostname) and (parts.port or 1) > 0
    except ValueError:
        is_one = False
    if not is_one or parts.username or parts.query or parts.fragment:
        # Not quoted: it may hold a password.
        raise ValueError(f"not a URL of a server; accepted: {HTTP_URL_FORM}")
    return value.rstrip("/")


def _check_issuer(value: str | None) -> str | None:
    # Letter by letter what the provider calls itself, a slash at its end included.
    if value is not None and (not is_safe_url(value) or urlsplit(value).query):
        raise ValueError("not an issuer; accepted: https://host/path as its provider writes it")
    return value


def _check_scopes(value: str) -> str:
    if "openid" not in value.split():
        raise ValueError("without openid; accepted: openid and what else is asked for, separated by spaces")
    return value


HTTP_URL_FORM = "https://host:port/path, without a user or a password"
DATABASE_URL_FORM = "postgresql://user:password@host:port/database"
SERVERS_FORM = "host:port, several separated by commas"
_SERVER = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+):(?P<port>[0-9]{1,5})")


def _matching(pattern: str, accepted: str) -> AfterValidator:
    def check(value: str) -> str:
        if not re.fullmatch(pattern, value):
            raise ValueError(f"not such a name; accepted: {accepted}")
        return value

    return AfterValidator(check)


def _long_enough(value: SecretStr) -> SecretStr:
    if len(value) < SIGNING_SECRET_MIN:
        raise ValueError(f"too short; accepted: {SIGNING_SECRET_MIN} characters or more")
    return value


#: A key of HS256 shorter than its hash can be guessed from a token (RFC 7518, 3.2).
SIGNING_SECRET_MIN = 32

#: What Kafka allows as the name of a topic, a group or a member.
KafkaName = Annotated[
    str, _matching(r"[A-Za-z0-9._-]{1,249}", "1 to 249 letters, digits, dots, hyphens, underscores")
]
OptionalKafkaName = Annotated[KafkaName | None, BeforeValidator(_empty_is_unset)]
#: Shorter, as the state changelog is named after it.
GroupName = Annotated[
    str, _matching(r"[A-Za-z0-9._-]{1,200}", "1 to 200 letters, digits, dots, hyphens, underscores")
]
OptionalGroupName = Annotated[GroupName | None, BeforeValidator(_empty_is_unset)]
EnvironmentName = Annotated[
    str,
    _matching(
        r"[a-z0-9][a-z0-9-]{0,30}",
        "1 to 31 lower-case letters, digits and hyphens, no hyphen at the beginning",
    ),
]
OptionalSecret = Annotated[SecretStr | None, BeforeValidator(_empty_is_unset)]
BucketName = Annotated[
    str,
    _matching(
        r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]",
        "3 to 63 lower-case letters, digits, dots and hyphens, a letter or digit at both ends",
    ),
]
OptionalBucket = Annotated[BucketName | None, BeforeValidator(_empty_is_unset)]
RegionName = Annotated[str, _matching(r"[a-z0-9-]{1,63}", "such as us-east-1")]
SigningSecret = Annotated[SecretStr, AfterValidator(_long_enough)]
OptionalSigningSecret = Annotated[SigningSecret | None, BeforeValidator(_empty_is_unset)]
OptionalText = Annotated[str | None, BeforeValidator(_empty_is_unset)]
OptionalUrl = Annotated[str | None, BeforeValidator(_empty_is_unset), AfterValidator(_check_http_url)]
OptionalIssuer = Annotated[str | None, BeforeValidator(_empty_is_unset), AfterValidator(_check_issuer)]
Scopes = Annotated[str, AfterValidator(_check_scopes)]
Host = Annotated[str, AfterValidator(bare_host)]
OptionalPath = Annotated[Path | None, BeforeValidator(_empty_is_unset)]
Servers = Annotated[list[str], NoDecode, BeforeValidator(_split_on_commas), AfterValidator(_check_servers)]
DatabaseUrl = Annotated[SecretStr, AfterValidator(_check_postgres_url)]


#: What has another name in each environment, unless it is set: installations on one Kafka share nothing.
_TOPICS = {
    "vlab_chat_events_topic": "vlab-{env}-chat-events",
    "vlab_state_topic": "vlab-{env}-state",
    "vlab_chat_log_topic": "vlab-{env}-chat-log",
    "vlab_dead_letters_topic": "vlab-{env}-dead-letters",
    "vlab_exports_topic": "vlab-{env}-exports",
}
_GROUPS = {
    "capture_group": "vlab-{env}-chatlog-capture",
    "persist_group": "vlab-{env}-chatlog-persist",
    "export_group": "vlab-{env}-chatlog-export",
}


class Settings(BaseSettings):
    """The settings of one process. Durations are seconds, sizes are bytes or counts as the name says."""

    model_config = SettingsConfigDict(
        env_file=".env", env_file_encoding="utf-8-sig", extra="ignore", frozen=True, hide_input_in_errors=True
    )

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],  # noqa: ARG003  the interface of pydantic-settings
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Leave out of the environment what only has the name of a setting (`app.settings.service_links`)."""
        if isinstance(env_settings, EnvSettingsSource):
            links = service_links(env_settings.env_vars)
            env_settings.env_vars = {
                name: value for name, value in env_settings.env_vars.items() if name not in links
            }
        return init_settings, env_settings, dotenv_settings, file_secret_settings

    # Which role `faust -A app worker` takes.
    chatlog_role: Annotated[Role | None, BeforeValidator(_empty_is_unset)] = None

    # PostgreSQL
    database_url: Annotated[DatabaseUrl | None, BeforeValidator(_empty_is_unset)] = None
    database_pool_size: int = Field(default=5, ge=1, le=100)
    database_timeout_s: float = Field(default=15.0, gt=0, le=300)

    # Kafka
    kafka_bootstrap_servers: Servers = []
    kafka_security_protocol: Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"] = "PLAINTEXT"
    kafka_sasl_mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] = "PLAIN"
    kafka_sasl_username: OptionalText = None
    kafka_sasl_password: OptionalSecret = None
    kafka_ssl_cafile: OptionalPath = None
    kafka_ssl_certfile: OptionalPath = None
    kafka_ssl_keyfile: OptionalPath = None

    # Topics
    vlab_env: EnvironmentName = "local"
    vlab_chat_events_topic: OptionalKafkaName = None
    vlab_state_topic: OptionalKafkaName = None
    vlab_chat_log_topic: OptionalKafkaName = None
    vlab_dead_letters_topic: OptionalKafkaName = None
    vlab_exports_topic: OptionalKafkaName = None
    topic_partitions: int = Field(default=12, ge=1, le=10_000)
    topic_replication: int = Field(default=3, ge=1, le=10)
    topic_retention_days: int = Field(default=31, ge=1, le=3650)

    # What counts as a message of Messenger
    capture_media: bool = False

    # Consumer groups
    capture_group: OptionalGroupName = None
    persist_group: OptionalGroupName = None
    export_group: OptionalGroupName = None
    group_instance_id: OptionalKafkaName = None
    rebalance_timeout_s: float = Field(default=60.0, ge=1, le=3600)
    session_timeout_s: float = Field(default=30.0, ge=1, le=3600)

    # Chunks and batches
    chunk_max_records: int = Field(default=1000, ge=1, le=100_000)
    chunk_max_bytes: int = Field(default=4 * 1024 * 1024, ge=1024, le=256 * 1024 * 1024)
    batch_max_entries: int = Field(default=2000, ge=1, le=50_000)
    batch_max_wait_s: float = Field(default=0.02, ge=0, le=10)
    commit_interval_s: float = Field(default=1.0, gt=0, le=60)

    # The state table of the capture role
    table_store: Literal["memory", "rocksdb"] = "memory"
    data_dir: Path = Path("chatlog-data")

    # Object storage, where exports are kept: anything that speaks S3
    storage_bucket: OptionalBucket = None
    storage_endpoint: OptionalUrl = None
    storage_public_endpoint: OptionalUrl = None
    storage_region: RegionName = "us-east-1"
    storage_access_key: OptionalSecret = None
    storage_secret_key: OptionalSecret = None
    storage_path_style: bool = False

    # Exports
    export_concurrency: int = Field(default=2, ge=1, le=32)
    export_link_hours: float = Field(default=7.0, gt=0, le=7 * 24)
    export_keep_days: int = Field(default=3, ge=1, le=3650)
    export_keys: Literal["owner", "flat"] = "owner"
    export_retry_s: float = Field(default=120.0, gt=0, le=3600)

    # The API and its pages
    api_host: Host = "127.0.0.1"
    api_port: int = Field(default=8000, ge=1, le=65535)
    api_public_url: OptionalUrl = None
    api_jwt_secret: OptionalSigningSecret = None
    api_jwks_url: OptionalUrl = None
    api_jwt_issuer: OptionalText = None
    api_jwt_audience: OptionalText = None
    api_jwt_email_claim: str = Field(default="email", min_length=1)
    api_jwt_tenant_claim: str = Field(default="tenant", min_length=1)
    api_jwt_roles_claim: str = Field(default="roles", min_length=1)
    api_jwt_scope_claim: str = Field(default="scope", min_length=1)
    api_session_secret: OptionalSigningSecret = None
    api_session_hours: float = Field(default=12.0, gt=0, le=24 * 30)

    # Signing in to the pages by an identity provider
    oidc_issuer: OptionalIssuer = None
    oidc_client_id: OptionalText = None
    oidc_client_secret: OptionalSecret = None
    oidc_scopes: Scopes = "openid email profile"

    # Faust web views and logs
    web_host: Host = "127.0.0.1"
    web_port: int = Field(default=6066, ge=1, le=65535)
    web_token: OptionalSecret = None
    stalled_after_s: float = Field(default=60.0, gt=0)
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    log_format: Literal["json", "text"] = "json"

    @model_validator(mode="after")
    def _agree(self) -> Self:
        if self.kafka_security_protocol.startswith("SASL") and not (
            self.kafka_sasl_username and self.kafka_sasl_password
        ):
            raise ValueError(
                f"KAFKA_SECURITY_PROTOCOL={self.kafka_security_protocol} needs KAFKA_SASL_USERNAME and "
                "KAFKA_SASL_PASSWORD"
            )
        if (self.kafka_ssl_certfile is None) != (self.kafka_ssl_keyfile is None):
            raise ValueError("KAFKA_SSL_CERTFILE and KAFKA_SSL_KEYFILE go together: set both or neither")
        if self.session_timeout_s > self.rebalance_timeout_s:
            raise ValueError("SESSION_TIMEOUT_S must not be longer than REBALANCE_TIMEOUT_S")
        if self._has_one_name_for_two(_GROUPS):
            raise ValueError(
                "CAPTURE_GROUP, PERSIST_GROUP and EXPORT_GROUP must differ: one group is one kind of work"
            )
        if (self.storage_access_key is None) != (self.storage_secret_key is None):
            raise ValueError("STORAGE_ACCESS_KEY and STORAGE_SECRET_KEY go together: set both or neither")
        if (self.oidc_issuer is None) != (self.oidc_client_id is None):
            raise ValueError("OIDC_ISSUER and OIDC_CLIENT_ID go together: set both or neither")
        if self.oidc_client_secret is not None and self.oidc_issuer is None:
            raise ValueError("OIDC_CLIENT_SECRET is for a client at OIDC_ISSUER, which is not set")
        if self._has_one_name_for_two(_TOPICS):
            raise ValueError(f"{', '.join(name.upper() for name in _TOPICS)} must name different topics")
        if not is_loopback(self.web_host) and self.web_token is None:
            raise ValueError(
                f"WEB_HOST={self.web_host} opens the web views to other machines: "
                "set WEB_TOKEN, or use 127.0.0.1"
            )
        return self

    def _has_one_name_for_two(self, variables: Collection[str]) -> bool:
        return len({self.name_of(variable) for variable in variables}) < len(variables)

    def name_of(self, variable: str) -> str:
        """Return the name of a topic or a group: as its variable sets it, else after the environment.

        Args:
            variable: the field that sets it, such as `vlab_exports_topic` or `persist_group`.
        """
        return getattr(self, variable) or (_TOPICS | _GROUPS)[variable].format(env=self.vlab_env)

    def names_of_other_environments(self) -> Iterator[tuple[str, str, str]]:
        """Yield each variable that has the default of another environment, its value and that environment."""
        for variable, by_default in (_TOPICS | _GROUPS).items():
            before, _, after = by_default.partition("{env}")
            name = getattr(self, variable) or ""
            env = name.removeprefix(before).removesuffix(after)
            if name == f"{before}{env}{after}" and env != self.vlab_env:
                yield variable, name, env

    @property
    def capture_is_on(self) -> bool:
        """Whether capture runs: it is off while VLAB_CHAT_LOG_TOPIC is unset or empty."""
        return self.vlab_chat_log_topic is not None

    def require_database_url(self) -> str:
        """Return DATABASE_URL in clear.

        Raises:
            ConfigurationError: it is not set.
        """
        if self.database_url is None:
            raise ConfigurationError(f"DATABASE_URL is not set; accepted: {DATABASE_URL_FORM}")
        return self.database_url.get_secret_value()

    def require_kafka(self) -> list[str]:
        """Return KAFKA_BOOTSTRAP_SERVERS as a list of host:port.

        Raises:
            ConfigurationError: it is not set.
        """
        if not self.kafka_bootstrap_servers:
            raise ConfigurationError(f"KAFKA_BOOTSTRAP_SERVERS is not set; accepted: {SERVERS_FORM}")
        return self.kafka_bootstrap_servers

    def require_storage_bucket(self) -> str:
        """Return STORAGE_BUCKET.

        Raises:
            ConfigurationError: it is not set.
        """
        if self.storage_bucket is None:
            raise ConfigurationError(
                "STORAGE_BUCKET is not set: exports have nowhere to go; accepted: the name of a bucket that "
                "exists (see STORAGE_ENDPOINT, STORAGE_ACCESS_KEY, STORAGE_SECRET_KEY)"
            )
        return self.storage_bucket


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
    return sorted(name for name in service_links(os.environ) if name.lower() in Settings.model_fields)


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
        is_ours = (binding.key or "").lower() in Settings.model_fields
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
    ours = {name.upper() for name in Settings.model_fields}
    for name in sorted(named.keys() - ours):
        if meant := meant_by(name, ours, named):
            yield (
                f"{name}: not a setting; did you mean {meant}? If another program needs it, keep it out of "
                "this one's environment"
            )


def _explain(error: ValidationError) -> list[str]:
    lines: dict[str, str] = {}
    for problem in error.errors(include_url=False, include_input=False):
        if problem["loc"]:
            name = str(problem["loc"][0]).upper()
            lines.setdefault(name, f"{name}: {_without_prefix(problem['msg'])}")
        else:
            lines.setdefault(problem["msg"], _without_prefix(problem["msg"]))
    return list(lines.values())


def _without_prefix(message: str) -> str:
    """Leave out what pydantic puts before messages of ours."""
    return message.removeprefix("Value error, ")
