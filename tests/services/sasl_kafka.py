"""A real broker that asks for a user name and a password: the embedded one, its clients' listener on SASL."""

from __future__ import annotations

from aiokafka.client import AIOKafkaClient
from aiokafka.errors import KafkaError

from app.local.embedded import EmbeddedKafka

USER, PASSWORD = "chatlog", "known-to-this-broker-alone"
_LOGIN = (
    "org.apache.kafka.common.security.plain.PlainLoginModule required "
    f'username="{USER}" password="{PASSWORD}" user_{USER}="{PASSWORD}";'
)
_SETTINGS = {
    "listener.security.protocol.map": "CLIENT:SASL_PLAINTEXT,CONTROLLER:PLAINTEXT",
    "sasl.enabled.mechanisms": "PLAIN",
    "sasl.mechanism.inter.broker.protocol": "PLAIN",
    "listener.name.client.plain.sasl.jaas.config": _LOGIN,
}


class SaslKafka(EmbeddedKafka):
    """An Apache Kafka broker that takes SASL_PLAINTEXT with PLAIN, and one user."""

    def _configure(self, data: str, controller_port: int | None) -> None:
        super()._configure(data, controller_port)
        with (self.directory / "server.properties").open("a", encoding="utf-8") as properties:
            # Of two lines for a setting, the last counts.
            properties.writelines(f"{name}={value}\n" for name, value in _SETTINGS.items())

    async def _answers(self) -> bool:
        client = AIOKafkaClient(
            bootstrap_servers=self.bootstrap_servers,
            security_protocol="SASL_PLAINTEXT",
            sasl_mechanism="PLAIN",
            sasl_plain_username=USER,
            sasl_plain_password=PASSWORD,
        )
        try:
            await client.bootstrap()
            return bool(client.cluster.brokers())
        except KafkaError:
            return False
        finally:
            await client.close()
