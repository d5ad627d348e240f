from __future__ import annotations

import ssl
from typing import TYPE_CHECKING

import pytest

from app.kafka.clients import client_settings, ssl_context
from app.settings import ConfigurationError, Settings
from tests.services import settings_from

if TYPE_CHECKING:
    from pathlib import Path

SASL = {"kafka_sasl_mechanism": "SCRAM-SHA-512", "kafka_sasl_username": "me", "kafka_sasl_password": "s3cret"}


def settings_for(protocol: str, **more: object) -> Settings:
    return settings_from(
        kafka_bootstrap_servers="one:9092,two:9092", kafka_security_protocol=protocol, **more
    )


def test_plain_clients_get_servers_and_nothing_secret() -> None:
    assert client_settings(settings_for("PLAINTEXT").kafka) == {
        "bootstrap_servers": ["one:9092", "two:9092"],
        "security_protocol": "PLAINTEXT",
        "ssl_context": None,
    }


@pytest.mark.parametrize(("protocol", "encrypted"), [("SASL_PLAINTEXT", False), ("SASL_SSL", True)])
def test_sasl_clients_get_credentials_in_clear(protocol: str, encrypted: bool) -> None:
    arguments = client_settings(settings_for(protocol, **SASL).kafka)
    assert arguments["sasl_mechanism"] == "SCRAM-SHA-512"
    assert (arguments["sasl_plain_username"], arguments["sasl_plain_password"]) == ("me", "s3cret")
    assert (arguments["ssl_context"] is not None) is encrypted


def test_brokers_are_verified_by_name() -> None:
    context = ssl_context(settings_for("SSL").kafka)
    assert context is not None
    assert context.check_hostname
    assert context.verify_mode is ssl.CERT_REQUIRED


def test_a_missing_authority_is_told_with_its_variable(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"KAFKA_SSL_CAFILE: cannot be used \(No such file"):
        ssl_context(settings_for("SSL", kafka_ssl_cafile=tmp_path / "missing.pem").kafka)


def test_a_certificate_that_is_none_is_told_with_its_variables(tmp_path: Path) -> None:
    (tmp_path / "file.pem").write_text("not a certificate")
    file = tmp_path / "file.pem"
    with pytest.raises(ConfigurationError, match="KAFKA_SSL_CERTFILE, KAFKA_SSL_KEYFILE: cannot be used"):
        ssl_context(settings_for("SSL", kafka_ssl_certfile=file, kafka_ssl_keyfile=file).kafka)
