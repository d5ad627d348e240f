"""Settings: what is refused, in which words; what is read; and that README tells all of it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from app.kafka.topics import groups_of, topics_of
from app.settings import VARIABLES, ConfigurationError, Role, Settings, load_settings

README = Path(__file__).parents[2] / "README.md"


@pytest.fixture(autouse=True)
def _somewhere_without_dotenv(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize(
    ("variable", "value", "accepted"),
    [
        ("WEB_PORT", "many", "valid integer"),
        ("WEB_PORT", "0", "greater than or equal to 1"),
        ("WEB_PORT", "70000", "less than or equal to 65535"),
        ("DATABASE_URL", "mysql://u:hidden@h/d", "postgresql://user:password@host:port/database"),
        (
            "DATABASE_URL",
            "postgresql+psycopg2://u:hidden@h/d",
            "postgresql://user:password@host:port/database",
        ),
        ("DATABASE_URL", "postgresql://u:hid/den@h/d", "postgresql://user:password@host:port/database"),
        ("DATABASE_URL", "postgresql://u:hidden@h:port/d", "postgresql://user:password@host:port/database"),
        ("DATABASE_URL", "hidden", "postgresql://user:password@host:port/database"),
        ("KAFKA_BOOTSTRAP_SERVERS", "localhost", "host:port, several separated by commas"),
        ("KAFKA_BOOTSTRAP_SERVERS", "a:9092,u:hidden@b:9092", "host:port, several separated by commas"),
        ("KAFKA_BOOTSTRAP_SERVERS", "a:9092,b:http", "host:port, several separated by commas"),
        ("KAFKA_BOOTSTRAP_SERVERS", "a:99999", "host:port, several separated by commas"),
        ("CAPTURE_GROUP", "no spaces", "accepted: 1 to 200 letters"),
        ("GROUP_INSTANCE_ID", "no spaces", "accepted: 1 to 249 letters"),
        ("STALLED_AFTER_S", "nan", "greater than 0"),
        ("DATABASE_POOL_SIZE", "0", "greater than or equal to 1"),
        ("KAFKA_SECURITY_PROTOCOL", "TLS", "'PLAINTEXT', 'SSL', 'SASL_PLAINTEXT' or 'SASL_SSL'"),
        ("VLAB_ENV", "Prod!", "accepted: 1 to 31 lower-case letters"),
        ("VLAB_CHAT_LOG_TOPIC", "no spaces", "accepted: 1 to 249 letters"),
        ("VLAB_CHAT_LOG_TOPIC", "a\n", "accepted: 1 to 249 letters"),
        ("TOPIC_PARTITIONS", "-1", "greater than or equal to 1"),
        ("CHATLOG_ROLE", "sink", "'capture', 'capture-platforms', 'persist' or 'export'"),
        ("STORAGE_BUCKET", "Ours", "accepted: 3 to 63 lower-case letters"),
        ("STORAGE_BUCKET", "b", "accepted: 3 to 63 lower-case letters"),
        ("STORAGE_REGION", "US East", "accepted: such as us-east-1"),
        ("STORAGE_ENDPOINT", "https://u:hidden@h", "https://host:port/path, without a user or a password"),
        ("STORAGE_ENDPOINT", "s3.example", "https://host:port/path"),
        ("API_JWT_SECRET", "hidden", "accepted: 32 characters or more"),
        ("OIDC_ISSUER", "http://id.example", "https://host/path as its provider writes it"),
        ("OIDC_ISSUER", "https://u:hidden@id.example", "https://host/path as its provider writes it"),
        ("OIDC_ISSUER", "https://id.example/?hidden", "https://host/path as its provider writes it"),
        ("OIDC_ISSUER", "id.example", "https://host/path as its provider writes it"),
        ("OIDC_SCOPES", "email profile", "openid and what else is asked for"),
        ("TABLE_STORE", "redis", "'memory' or 'rocksdb'"),
        ("LOG_LEVEL", "LOUD", "'DEBUG', 'INFO', 'WARNING' or 'ERROR'"),
        ("BATCH_MAX_WAIT_S", "-1", "greater than or equal to 0"),
    ],
)
def test_a_wrong_value_is_refused_by_its_name_with_what_is_accepted(
    variable: str, value: str, accepted: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variable, value)
    with pytest.raises(ConfigurationError) as refused:
        load_settings()
    assert str(refused.value).startswith(f"{variable}: ")
    assert accepted in str(refused.value)
    assert "hid" not in str(refused.value)


@pytest.mark.parametrize(
    ("variables", "said"),
    [
        ({"KAFKA_SECURITY_PROTOCOL": "SASL_SSL"}, "needs KAFKA_SASL_USERNAME and KAFKA_SASL_PASSWORD"),
        ({"KAFKA_SSL_CERTFILE": "client.pem"}, "KAFKA_SSL_CERTFILE and KAFKA_SSL_KEYFILE go together"),
        ({"SESSION_TIMEOUT_S": "90"}, "SESSION_TIMEOUT_S must not be longer than REBALANCE_TIMEOUT_S"),
        ({"CAPTURE_GROUP": "one", "PERSIST_GROUP": "one"}, "PERSIST_GROUP, EXPORT_GROUP must differ"),
        ({"STORAGE_ACCESS_KEY": "mine"}, "STORAGE_ACCESS_KEY and STORAGE_SECRET_KEY go together"),
        ({"OIDC_ISSUER": "https://id.example"}, "OIDC_ISSUER and OIDC_CLIENT_ID go together"),
        ({"OIDC_CLIENT_ID": "chatlog"}, "OIDC_ISSUER and OIDC_CLIENT_ID go together"),
        ({"OIDC_CLIENT_SECRET": "hidden"}, "OIDC_CLIENT_SECRET is for a client at OIDC_ISSUER"),
        ({"STORAGE_BUKET": "ours"}, "STORAGE_BUKET: not a setting; did you mean STORAGE_BUCKET?"),
        ({"STORAGE_ENDPOINT_URL": "http://s3"}, "did you mean STORAGE_ENDPOINT?"),
        ({"EXPORT_LINK_HOUR": "7"}, "did you mean EXPORT_LINK_HOURS?"),
        (
            {"VLAB_CHAT_EVENTS_TOPIC": "one", "VLAB_CHAT_LOG_TOPIC": "one"},
            "VLAB_EXPORTS_TOPIC must name different topics",
        ),
        ({"VLAB_STATE_TOPIC": "vlab-local-exports"}, "VLAB_EXPORTS_TOPIC must name different topics"),
        ({"EXPORT_GROUP": "vlab-local-chatlog-persist"}, "PERSIST_GROUP, EXPORT_GROUP must differ"),
        ({"WEB_HOST": "0.0.0.0"}, "set WEB_TOKEN, or use 127.0.0.1"),
        ({"WEB_HOST": "0.0.0.0", "WEB_TOKEN": " "}, "set WEB_TOKEN, or use 127.0.0.1"),
    ],
)
def test_settings_that_do_not_go_together_are_refused(
    variables: dict[str, str], said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(ConfigurationError, match=re.escape(said)):
        load_settings()


def test_a_misspelt_variable_stops_the_start_also_beside_the_right_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("WEB_TOKEN", "a token")
    monkeypatch.setenv("WEB_TOKN", "a token")
    monkeypatch.setenv("topic_retenton_days", "7")
    with pytest.raises(ConfigurationError) as refused:
        load_settings()
    first, second = str(refused.value).splitlines()
    assert first.startswith("TOPIC_RETENTON_DAYS: not a setting; did you mean TOPIC_RETENTION_DAYS?")
    assert second.startswith("WEB_TOKN: not a setting; did you mean WEB_TOKEN?")


def test_a_misspelt_variable_in_dotenv_is_told_too() -> None:
    Path(".env").write_text("STORAGE_BUCKETS=ours\n", "utf-8")
    with pytest.raises(ConfigurationError, match="did you mean STORAGE_BUCKET"):
        load_settings()


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("VLAB_ENV=prod\nWEB_TOKEN\n", 2),
        ("web_token\n", 1),
        ("WEB_TOKEN: hidden\n", 1),
        ("VLAB_ENV=prod\n\nWEB_TOKEN='hidden\n", 3),
        ('WEB_TOKEN="hidden" hidden\n', 1),
        ("export WEB_TOKEN\n", 1),
    ],
)
def test_a_line_of_dotenv_that_would_go_unread_is_told(text: str, line: int) -> None:
    Path(".env").write_text(text, "utf-8")
    with pytest.raises(ConfigurationError, match=rf"\.env, line {line}: cannot be understood") as refused:
        load_settings()
    assert "hidden" not in str(refused.value)


@pytest.mark.parametrize(
    "text",
    [
        "\ufeffVLAB_ENV=prod",
        "VLAB_ENV=prod\r\n",
        "export VLAB_ENV='prod' # ours",
        ' vlab_env = "prod"',
        "DEBUG\nVLAB_ENV=prod",
    ],
)
def test_dotenv_may_be_written_as_is_usual(text: str) -> None:
    Path(".env").write_text(text, "utf-8")
    assert load_settings().topology.vlab_env == "prod"


def test_variables_of_other_programs_are_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("API_KEY", "EXPORT_DIR", "STORAGE_DRIVER", "KAFKA_HOME"):
        monkeypatch.setenv(name, "theirs")
    load_settings()


def test_several_wrong_values_are_told_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WEB_PORT", "x")
    monkeypatch.setenv("LOG_FORMAT", "y")
    with pytest.raises(ConfigurationError) as refused:
        load_settings()
    assert {line.partition(":")[0] for line in str(refused.value).splitlines()} == {"WEB_PORT", "LOG_FORMAT"}


def test_dotenv_is_read_and_the_environment_counts_more(monkeypatch: pytest.MonkeyPatch) -> None:
    Path(".env").write_text("VLAB_ENV=staging\nWEB_PORT=7000\nSOMEBODY_ELSES=1\n", "utf-8")
    monkeypatch.setenv("WEB_PORT", "7001")
    settings = load_settings()
    assert (settings.topology.vlab_env, settings.web.port) == ("staging", 7001)


def test_a_dotenv_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    Path(".env").write_bytes(b"WEB_TOKEN=\xff\xfe\n")
    with pytest.raises(
        ConfigurationError, match=re.escape(f"{tmp_path}/.env cannot be read; accepted: a UTF-8")
    ):
        load_settings()


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://u:p@h/d",
        "postgres://u:p@h:5432/d?sslmode=require",
        "postgresql://u:p@one:5432,two:5432/d?target_session_attrs=read-write",
        "postgresql:///d?host=/run/postgresql",
        "postgresql://u:p%2F%40@[::1]:5432/d",
    ],
)
def test_every_way_to_name_a_database_is_accepted(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", url)
    assert load_settings().database.require_url() == url


def test_secrets_do_not_show(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://u:hidden@h/d")
    monkeypatch.setenv("KAFKA_SASL_PASSWORD", "hidden")
    monkeypatch.setenv("WEB_TOKEN", "hidden")
    settings = load_settings()
    assert "hidden" not in repr(settings) + str(settings) + settings.model_dump_json()
    assert settings.database.require_url() == "postgresql://u:hidden@h/d"


@pytest.mark.parametrize("value", [None, "", "  "])
def test_capture_is_off_without_its_topic(value: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    if value is not None:
        monkeypatch.setenv("VLAB_CHAT_LOG_TOPIC", value)
    settings = load_settings()
    assert not settings.topology.capture_is_on
    # Persist still knows where entries are.
    assert topics_of(settings.topology).chat_log.name == "vlab-local-chat-log"


def test_topics_are_named_after_the_environment_or_as_one_says(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VLAB_ENV", "prod")
    monkeypatch.setenv("VLAB_STATE_TOPIC", "states-of-ours")
    names = [spec.name for spec in topics_of(load_settings().topology).all()]
    assert names == [
        "vlab-prod-chat-events",
        "states-of-ours",
        "vlab-prod-chatlog-capture-states-changelog",
        "vlab-prod-chatlog-capture-events-repartition",
        "vlab-prod-chatlog-capture-states-repartition",
        "vlab-prod-chatlog-capture-watermarks",
        "vlab-prod-chat-log",
        "vlab-prod-dead-letters",
        "vlab-prod-exports",
        "vlab-prod-thread-events",
    ]


def test_groups_are_named_after_the_environment_or_as_one_says(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VLAB_ENV", "prod")
    monkeypatch.setenv("PERSIST_GROUP", "scribble-chat-log")
    monkeypatch.setenv("EXPORT_GROUP", "")
    groups = groups_of(load_settings().topology)
    assert [groups.of(role) for role in Role] == [
        "vlab-prod-chatlog-capture",
        "vlab-prod-chatlog-capture-platforms",
        "scribble-chat-log",
        "vlab-prod-chatlog-export",
    ]


def test_several_servers_are_separated_by_commas(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KAFKA_BOOTSTRAP_SERVERS", "one:9092, two.net:9092,[::1]:1,")
    assert load_settings().kafka.require_servers() == ("one:9092", "two.net:9092", "[::1]:1")


def test_a_role_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CHATLOG_ROLE", "persist")
    assert load_settings().worker.chatlog_role is Role.PERSIST


def test_readme_documents_every_variable_and_no_other() -> None:
    table = README.read_text("utf-8").partition("## Settings")[2].partition("\n## ")[0]
    rows = [line for line in table.splitlines() if line.startswith("| `")]
    documented = {name for row in rows for name in re.findall(r"`([A-Z_]+)`", row.split("|")[1])}
    assert documented == VARIABLES.keys()


def test_readme_tells_the_names_by_default(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VLAB_ENV", "some-env")
    settings = load_settings()
    topics, groups = topics_of(settings.topology), groups_of(settings.topology)
    named = {
        "VLAB_CHAT_EVENTS_TOPIC": topics.events.name,
        "VLAB_STATE_TOPIC": topics.state.name,
        "VLAB_DEAD_LETTERS_TOPIC": topics.dead_letters.name,
        "VLAB_EXPORTS_TOPIC": topics.exports.name,
        **{role.group_variable: groups.of(role) for role in Role},
    }
    for variable, name in named.items():
        assert f"| `{variable}` | `{name.replace('some-env', '{env}')}` |" in README.read_text("utf-8")


def test_readme_tells_the_defaults() -> None:
    table = README.read_text("utf-8").partition("## Settings")[2].partition("\n## ")[0]
    for row in table.splitlines():
        cells = [cell.strip() for cell in row.split("|")]
        names = re.findall(r"`([A-Z_]+)`", cells[1]) if row.startswith("| `") else []
        for name in names:
            area, field = VARIABLES[name]
            default = getattr(Settings.model_fields[area].default, field)
            if isinstance(default, int | float | Path) or (isinstance(default, str) and default):
                is_number = isinstance(default, int | float) and not isinstance(default, bool)
                told = float(cells[2]) if is_number else cells[2]
                assert told == (
                    default if is_number else str(default).replace("False", "false").replace("True", "true")
                ), name
