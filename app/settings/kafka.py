"""How Kafka is reached."""

import re
from typing import Annotated, ClassVar, Literal, Self

from pydantic import AfterValidator, BeforeValidator, model_validator

from app.settings.area import Area
from app.settings.errors import ConfigurationError
from app.settings.values import OptionalPath, OptionalSecret, OptionalText, split_on_commas


def _check_servers(servers: tuple[str, ...]) -> tuple[str, ...]:
    for server in servers:
        matched = _SERVER.fullmatch(server)
        if not matched or not 0 < int(matched["port"]) < 65536:
            # Not quoted: it may be a URL with a password.
            raise ValueError(f"not servers; accepted: {SERVERS_FORM}")
    return servers


SERVERS_FORM = "host:port, several separated by commas"
_SERVER = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+):(?P<port>[0-9]{1,5})")

Servers = Annotated[tuple[str, ...], BeforeValidator(split_on_commas), AfterValidator(_check_servers)]


class KafkaSettings(Area):
    """Where the brokers are, and how a client proves who it is."""

    prefix: ClassVar[str] = "kafka_"

    bootstrap_servers: Servers = ()
    security_protocol: Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"] = "PLAINTEXT"
    sasl_mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] = "PLAIN"
    sasl_username: OptionalText = None
    sasl_password: OptionalSecret = None
    ssl_cafile: OptionalPath = None
    ssl_certfile: OptionalPath = None
    ssl_keyfile: OptionalPath = None

    @model_validator(mode="after")
    def _agree(self) -> Self:
        if self.security_protocol.startswith("SASL") and not (self.sasl_username and self.sasl_password):
            raise ValueError(
                f"KAFKA_SECURITY_PROTOCOL={self.security_protocol} needs KAFKA_SASL_USERNAME and "
                "KAFKA_SASL_PASSWORD"
            )
        if (self.ssl_certfile is None) != (self.ssl_keyfile is None):
            raise ValueError("KAFKA_SSL_CERTFILE and KAFKA_SSL_KEYFILE go together: set both or neither")
        return self

    def require_servers(self) -> tuple[str, ...]:
        """Return KAFKA_BOOTSTRAP_SERVERS, each host:port.

        Raises:
            ConfigurationError: it is not set.
        """
        if not self.bootstrap_servers:
            raise ConfigurationError(f"KAFKA_BOOTSTRAP_SERVERS is not set; accepted: {SERVERS_FORM}")
        return self.bootstrap_servers
