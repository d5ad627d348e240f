"""How PostgreSQL is reached."""

from typing import Annotated, ClassVar
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, Field, PostgresDsn, SecretStr, TypeAdapter

from app.settings.area import Area
from app.settings.errors import ConfigurationError
from app.settings.values import EmptyIsUnset


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


def _without_driver(value: object) -> object:
    """Return a URL as our driver takes it: some are written with the driver's name in them."""
    url = value.get_secret_value() if isinstance(value, SecretStr) else value
    if isinstance(url, str) and url.startswith(_WITH_DRIVER):
        return f"postgresql://{url.removeprefix(_WITH_DRIVER)}"
    return value


_WITH_DRIVER = "postgresql+asyncpg://"
DATABASE_URL_FORM = "postgresql://user:password@host:port/database"

DatabaseUrl = Annotated[SecretStr, BeforeValidator(_without_driver), AfterValidator(_check_postgres_url)]


class DatabaseSettings(Area):
    """Where the database is, with how many connections, and how long a statement may take."""

    prefix: ClassVar[str] = "database_"

    url: Annotated[DatabaseUrl | None, EmptyIsUnset] = None
    pool_size: int = Field(default=5, ge=1, le=100)
    timeout_s: float = Field(default=15.0, gt=0, le=300)

    def require_url(self) -> str:
        """Return DATABASE_URL in clear.

        Raises:
            ConfigurationError: it is not set.
        """
        if self.url is None:
            raise ConfigurationError(f"DATABASE_URL is not set; accepted: {DATABASE_URL_FORM}")
        return self.url.get_secret_value()
