"""What Kubernetes says of its Services, beside settings of the same names."""

from __future__ import annotations

from pathlib import Path

import pytest

from app.settings import load_settings
from app.settings.service_links import service_links
from tests.access.signing import settings_of
from tests.site.served import served

#: As the kubelet sets them in every container beside a Service.
LINKS = {
    "SERVICE_HOST": "10.0.0.1",
    "SERVICE_PORT": "8000",
    "SERVICE_PORT_HTTP": "8000",
    "PORT": "tcp://10.0.0.1:8000",
    "PORT_8000_TCP": "tcp://10.0.0.1:8000",
    "PORT_8000_TCP_PROTO": "tcp",
    "PORT_8000_TCP_PORT": "8000",
    "PORT_8000_TCP_ADDR": "10.0.0.1",
}
#: Services whose names begin as settings of ours do.
SERVICES = ("API", "WEB", "KAFKA", "STORAGE", "DATABASE", "EXPORT", "EXPORT_LINK", "API_PUBLIC", "CHATLOG")


@pytest.fixture(autouse=True)
def _somewhere_without_dotenv(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize("service", SERVICES)
def test_a_service_of_any_name_changes_no_setting(service: str, monkeypatch: pytest.MonkeyPatch) -> None:
    before = load_settings()
    for name, value in LINKS.items():
        monkeypatch.setenv(f"{service}_{name}", value)

    settings = load_settings()

    assert settings.model_dump() == before.model_dump()
    assert (settings.api.port, settings.web.port) == (8000, 6066)


@pytest.mark.parametrize("value", ["tcp://[fd00::1]:8000", "udp://10.0.0.1:53", "sctp://10.0.0.1:1"])
def test_services_have_other_protocols_and_addresses_too(value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("API_PORT", value)

    assert load_settings().api.port == 8000


def test_what_dotenv_says_counts_beside_a_service_of_the_same_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Path(".env").write_text("API_PORT=9000\n", "utf-8")
    monkeypatch.setenv("API_PORT", LINKS["PORT"])

    assert load_settings().api.port == 9000


async def test_what_is_not_read_is_told(tmp_path: Path) -> None:
    nowhere = settings_of(
        database_url="postgresql://u@127.0.0.1:9/x",
        kafka_bootstrap_servers="127.0.0.1:9",
        storage_bucket="exports",
    )
    async with served(nowhere, tmp_path, WEB_PORT=LINKS["PORT"], WEB_SERVICE_HOST="10.0.0.1") as api:
        told = [line for line in api.said.splitlines() if "Kubernetes" in line]

    assert ["WEB_PORT" in line for line in told] == [True]


def test_a_port_that_somebody_sets_is_none_of_kubernetes() -> None:
    ours = {
        "API_PORT": "9000",
        "WEB_PORT": "x",
        "API_HOST": "tcp://10.0.0.1:8000",
        "STORAGE_ENDPOINT": "tcp://a:1",
    }

    assert service_links(ours) == set()
