"""Tells brokers that refuse our credentials from brokers that are away: the one passes, the other does not.

A client of aiokafka logs why it was turned away, and raises the same KafkaConnectionError for both (aiokafka
0.14, `AIOKafkaClient.bootstrap`). So once a client could not connect, one connection is made here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from aiokafka.conn import collect_hosts, create_conn
from aiokafka.errors import (
    AuthenticationFailedError,
    KafkaError,
    SaslAuthenticationFailed,
    UnsupportedSaslMechanismError,
)

from app.kafka.clients import client_settings
from app.settings import ConfigurationError

if TYPE_CHECKING:
    from app.settings.kafka import KafkaSettings

#: How long a broker may take to answer.
ASK_S = 5.0


async def raise_if_refused(kafka: KafkaSettings) -> None:
    """Return if no broker refuses our credentials, be it that none answers.

    Raises:
        ConfigurationError: one does; says which setting to mend.
    """
    arguments = client_settings(kafka)
    if "sasl_mechanism" not in arguments:
        return
    for host, port, _ in collect_hosts(arguments.pop("bootstrap_servers")):
        try:
            connection = await create_conn(host, port, request_timeout_ms=round(ASK_S * 1000), **arguments)
        except UnsupportedSaslMechanismError:
            raise ConfigurationError(
                f"KAFKA_SASL_MECHANISM={kafka.sasl_mechanism}: the broker at {host}:{port} does not "
                "accept it; set the one that it asks for"
            ) from None
        except (SaslAuthenticationFailed, AuthenticationFailedError):
            raise ConfigurationError(
                f"KAFKA_SASL_USERNAME, KAFKA_SASL_PASSWORD: the broker at {host}:{port} does not accept them "
                f"(KAFKA_SASL_MECHANISM={kafka.sasl_mechanism}); set those that it knows"
            ) from None
        except (KafkaError, TimeoutError, OSError):
            continue
        connection.close()
        return
