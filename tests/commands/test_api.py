"""`chatlog api` and `chatlog token` at their edges: addresses, messages, and what a token is good for."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import httpx
import jwt
import pytest

from app.access.claims import ClaimNames, caller_of
from app.local.embedded import free_port
from models.access import Caller, CallerRole
from tests.access.signing import settings_of
from tests.services import as_environment
from tests.site.fixtures import SECRET
from tests.site.owners import ANA
from tests.site.served import ANSWER_S, served
from tests.workers import CHATLOG

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from app.settings import Settings

#: Enough of a configuration; nothing of it is there.
COMPLETE = {
    "API_JWT_SECRET": SECRET,
    "DATABASE_URL": "postgresql://u@127.0.0.1:9/x",
    "KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:9",
    "STORAGE_BUCKET": "exports",
}


def chatlog(tmp_path: Path, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [CHATLOG, *arguments],
        env=os.environ | variables,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_a_token_is_all_that_is_printed_and_counts_for_as_long_as_asked(tmp_path: Path) -> None:
    made = chatlog(tmp_path, "token", ANA, "--hours", "2", API_JWT_SECRET=SECRET)

    claims = jwt.decode(made.stdout.strip(), SECRET, algorithms=["HS256"])
    assert made.stdout == made.stdout.strip() + "\n"
    assert claims["email"] == ANA
    assert claims["exp"] - claims["iat"] == 2 * 3600


def test_a_token_says_what_it_is_narrowed_to_and_what_it_may(tmp_path: Path) -> None:
    roles = ("--role", "operator", "--role", "compliance", "--tenant", "acme")
    scopes = ("--scope", "survey:My survey", "--scope", "learner:7")

    made = chatlog(tmp_path, "token", ANA, *roles, *scopes, API_JWT_SECRET=SECRET)

    claims = jwt.decode(made.stdout.strip(), SECRET, algorithms=["HS256"])
    assert caller_of(claims, ClaimNames.of(settings_of().api)) == Caller(
        ANA,
        "acme",
        frozenset({CallerRole.OPERATOR, CallerRole.COMPLIANCE}),
        frozenset({"survey:My survey", "learner:7"}),
    )


def test_a_token_of_a_learner_says_which(tmp_path: Path) -> None:
    made = chatlog(tmp_path, "token", ANA, "--role", "learner", "--id", "456", API_JWT_SECRET=SECRET)

    claims = jwt.decode(made.stdout.strip(), SECRET, algorithms=["HS256"])
    assert caller_of(claims, ClaimNames.of(settings_of().api)).scope == {"learner:456"}
    refused = chatlog(tmp_path, "token", ANA, "--role", "learner", "--id", " ", API_JWT_SECRET=SECRET)
    assert (refused.returncode, refused.stdout) == (2, "")


def test_the_help_says_what_each_role_may(tmp_path: Path) -> None:
    said = " ".join(chatlog(tmp_path, "token", "--help").stdout.split())

    assert all(f"{role.value} {role.label}" in said for role in CallerRole)


@pytest.mark.parametrize(
    ("variables", "begins"),
    [
        ({}, "http://127.0.0.1:8000/sign-in#token=ey"),
        ({"API_PORT": "9000", "API_HOST": "::1"}, "http://[::1]:9000/sign-in#token=ey"),
        ({"API_PUBLIC_URL": "https://chat.example/"}, "https://chat.example/sign-in#token=ey"),
    ],
)
def test_a_link_carries_the_token_where_no_server_sees_it(
    tmp_path: Path, variables: dict[str, str], begins: str
) -> None:
    made = chatlog(tmp_path, "token", ANA, "--link", API_JWT_SECRET=SECRET, **variables)

    assert made.stdout.startswith(begins)
    assert urlsplit(made.stdout.strip()).query == ""


@pytest.mark.parametrize(
    ("arguments", "variables", "said"),
    [
        (["token", ANA], {}, "chatlog: API_JWT_SECRET is not set"),
        (["token", ANA], {"API_JWT_SECRET": "short"}, "chatlog: API_JWT_SECRET: "),
        (["token", "ana"], {"API_JWT_SECRET": SECRET}, "not an email address"),
        (["token", ANA, "--role", "king"], {"API_JWT_SECRET": SECRET}, "'king' is not one of"),
        (["token", ANA, "--tenant", " "], {"API_JWT_SECRET": SECRET}, "not a name"),
        (["token", ANA, "--scope", "7"], {"API_JWT_SECRET": SECRET}, "not KIND:ID"),
        (["token", ANA, "--hours", "0"], {"API_JWT_SECRET": SECRET}, "0<x<="),
        (
            ["token", ANA, "--link"],
            {"API_JWT_SECRET": SECRET, "API_HOST": "0.0.0.0"},
            "set API_PUBLIC_URL to the address that people use",
        ),
        (
            ["api"],
            COMPLETE | {"API_JWT_SECRET": ""},
            "chatlog: API_JWT_SECRET, API_JWKS_URL and OIDC_ISSUER are not set",
        ),
        (["api"], COMPLETE | {"STORAGE_BUCKET": ""}, "chatlog: STORAGE_BUCKET is not set"),
        (["api"], COMPLETE | {"DATABASE_URL": ""}, "chatlog: DATABASE_URL is not set"),
        (["api", "--host", "0.0.0.0"], COMPLETE, "chatlog: API_HOST=0.0.0.0 opens the API to other machines"),
    ],
)
def test_what_cannot_be_is_said_in_a_line(
    tmp_path: Path, arguments: list[str], variables: dict[str, str], said: str
) -> None:
    ended = chatlog(tmp_path, *arguments, **variables)

    assert ended.returncode == 2
    assert said in ended.stderr
    assert "Traceback" not in ended.stderr
    assert SECRET not in ended.stderr + ended.stdout


def test_a_port_that_is_taken_is_said_in_a_line(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        ended = chatlog(tmp_path, "api", "--port", port, **COMPLETE)

    assert ended.returncode == 2
    assert f"API_PORT={port}: nothing can listen there" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_what_waiting_does_not_mend_ends_it(tmp_path: Path) -> None:
    url = f"{COMPLETE['DATABASE_URL']}?sslmode=verify-full&sslrootcert=/nonexistent.crt"
    ended = chatlog(tmp_path, "api", "--port", str(free_port()), **COMPLETE | {"DATABASE_URL": url})

    assert ended.returncode == 1
    assert ended.stderr == (
        "chatlog: DATABASE_URL names sslrootcert=/nonexistent.crt, which cannot be read (No such file or "
        "directory): mend the file, or the path\n"
    )


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT])
async def test_it_starts_and_stops_whatever_is_down(
    api_settings: Callable[..., Settings], tmp_path: Path, how: signal.Signals
) -> None:
    settings = api_settings(kafka_bootstrap_servers="127.0.0.1:9")
    async with served(settings, tmp_path, DATABASE_URL="postgresql://u:p@127.0.0.1:9/x") as api:
        async with httpx.AsyncClient(base_url=api.url, timeout=ANSWER_S) as client:
            ready = await client.get("/health/ready")
        api.signal(how)
        status = api.ended(60)

    assert (ready.status_code, ready.json()["database"]) == (503, "down")
    assert status == 0
    assert f"http://127.0.0.1:{api.port}" in api.said
    assert "Traceback" not in api.said


async def test_its_log_holds_no_tokens_names_or_queries(served_system: Settings, tmp_path: Path) -> None:
    made = chatlog(tmp_path, "token", ANA, **as_environment(served_system)).stdout.strip()
    async with (
        served(served_system, tmp_path, LOG_LEVEL="DEBUG") as api,
        httpx.AsyncClient(timeout=ANSWER_S) as client,
    ):
        headers = {"Authorization": f"Bearer {made}"}
        answer = await client.get(f"{api.url}/exports/status/survey?survey=A+secret+name", headers=headers)
        signed_in = await client.post(f"{api.url}/sign-in", data={"token": made})
        assert (answer.status_code, signed_in.status_code) == (404, 303)

    for hidden in (made, "secret", ANA, signed_in.cookies["chatlog_session"]):
        assert hidden not in api.said
