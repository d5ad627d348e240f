"""Areas of settings: each variable is in one, and each part of the program is given those that it needs."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from pydantic import ValidationError

from app.settings import VARIABLES, Settings, by_area, load_settings
from app.settings.area import Area
from app.settings.kafka import KafkaSettings
from tests.services import settings_from

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[2]
#: Where parts are put together: these see all settings, and give each part its own.
WIRES = (
    "app/__init__.py",
    "app/commands/",
    "app/connect/connector.py",
    "app/doctor/checks.py",
    "app/local/",
    "app/settings/",
    "app/site.py",
    "app/worker/app.py",
    "app/worker/build.py",
    "app/worker/faust_settings.py",
    "app/worker/roles/",
)


def areas() -> dict[str, type[Area]]:
    return {name: type(field.default) for name, field in Settings.model_fields.items()}


def modules() -> Iterator[Path]:
    for package in ("app", "agents", "models", "sinks", "migrations", "samples"):
        yield from (ROOT / package).rglob("*.py")


def imports_all_settings(module: Path) -> bool:
    """Tell whether a module imports the joined settings, or what reads them."""
    return any(
        isinstance(node, ast.ImportFrom)
        and node.module in {"app.settings", "app.settings.joined", "app.settings.loading"}
        and {alias.name for alias in node.names} & {"Settings", "load_settings"}
        for node in ast.walk(ast.parse(module.read_text("utf-8")))
    )


def test_only_what_wires_parts_sees_all_settings() -> None:
    seeing = {str(module.relative_to(ROOT)) for module in modules() if imports_all_settings(module)}

    assert {module for module in seeing if not module.startswith(WIRES)} == set()
    assert {place for place in WIRES if not any(module.startswith(place) for module in seeing)} == set()


def test_all_that_settings_join_are_areas_and_no_two_read_one_variable() -> None:
    assert all(issubclass(area, Area) for area in areas().values())
    assert len(VARIABLES) == sum(len(area.model_fields) for area in areas().values())


@pytest.mark.parametrize("name", areas())
def test_an_area_reads_no_variable_by_itself(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in areas()[name].variables():
        monkeypatch.setenv(variable, "1")

    assert areas()[name]() == areas()[name].model_construct()


def test_a_name_that_is_no_setting_is_refused_where_an_area_is_made() -> None:
    with pytest.raises(ValidationError, match="servers"):
        KafkaSettings(servers="127.0.0.1:9092")  # type: ignore[call-arg]


def test_variables_of_any_case_find_their_field_and_others_are_passed_over() -> None:
    found = by_area({"DATABASE_URL": "a", "web_port": 1, "Vlab_Env": "b", "HOME": "/"})

    assert found == {"database": {"url": "a"}, "web": {"port": 1}, "topology": {"vlab_env": "b"}}


def test_what_is_replaced_leaves_the_rest_as_it_was() -> None:
    before = settings_from(api_port=1, api_host="::1", web_port=2)
    after = before.replace(api={"port": 8}, log={"level": "DEBUG"})

    assert (after.api.port, after.api.host, after.log.level) == (8, "::1", "DEBUG")
    assert after.web == before.web
    assert before.api.port == 1


def test_one_area_may_be_set_in_the_environment_and_in_dotenv(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path(".env").write_text("WEB_PORT=1\nWEB_TOKEN=of the file\n", "utf-8")
    monkeypatch.setenv("WEB_PORT", "2")

    web = load_settings().web

    assert (web.port, web.token and web.token.get_secret_value()) == (2, "of the file")


def test_a_variable_with_the_name_of_an_area_sets_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path(".env").write_text('WEB={"port": 1}\n', "utf-8")
    monkeypatch.setenv("KAFKA", '{"security_protocol": "SSL"}')

    assert load_settings() == Settings.model_construct()
