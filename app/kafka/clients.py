"""How this application reaches Kafka: the keyword arguments every aiokafka client is made with.

Only where and how securely; what a client is for (groups, acks, fetch sizes) is its maker's matter.
"""

from __future__ import annotations

import ssl
from typing import TYPE_CHECKING, Any

from app.kafka.connections import mend_connections
from app.settings import ConfigurationError

if TYPE_CHECKING:
    from app.settings.kafka import KafkaSettings

# Faust's clients are among those that need it, and each process that has one imports this module.
mend_connections()


def client_settings(kafka: KafkaSettings) -> dict[str, Any]:
    """Return the arguments of an aiokafka consumer, producer or admin client that say where Kafka is.

    Raises:
        ConfigurationError: KAFKA_BOOTSTRAP_SERVERS is not set, or a TLS file cannot be used.
    """
    arguments: dict[str, Any] = {
        "bootstrap_servers": list(kafka.require_servers()),
        "security_protocol": kafka.security_protocol,
        "ssl_context": ssl_context(kafka),
    }
    if kafka.security_protocol.startswith("SASL") and kafka.sasl_password:
        arguments |= {
            "sasl_mechanism": kafka.sasl_mechanism,
            "sasl_plain_username": kafka.sasl_username,
            "sasl_plain_password": kafka.sasl_password.get_secret_value(),
        }
    return arguments


def ssl_context(kafka: KafkaSettings) -> ssl.SSLContext | None:
    """Return the TLS context of KAFKA_SECURITY_PROTOCOL, or None for the protocols without TLS.

    Brokers are verified, host name included: against KAFKA_SSL_CAFILE, or the system's authorities.

    Raises:
        ConfigurationError: a file is missing, or isn't a certificate or key in PEM form.
    """
    if kafka.security_protocol not in {"SSL", "SASL_SSL"}:
        return None
    try:
        context = ssl.create_default_context(cafile=kafka.ssl_cafile)
    except OSError as error:
        raise ConfigurationError(_unusable("KAFKA_SSL_CAFILE", error)) from error
    if kafka.ssl_certfile is not None:
        try:
            # With a password given, OpenSSL refuses an encrypted key instead of asking on the terminal.
            context.load_cert_chain(kafka.ssl_certfile, kafka.ssl_keyfile, lambda: b"")
        except OSError as error:
            raise ConfigurationError(_unusable("KAFKA_SSL_CERTFILE, KAFKA_SSL_KEYFILE", error)) from error
    return context


def _unusable(variable: str, error: OSError) -> str:
    # ssl.SSLError is an OSError too; its text names the fault in the file and none of the contents.
    return f"{variable}: cannot be used ({error.strerror or error}); accepted: a readable file in PEM form"
