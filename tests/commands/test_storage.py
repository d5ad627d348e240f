"""`chatlog storage check`: what it says of good and bad storage, and the one thing it changes."""

from __future__ import annotations

import dataclasses
import re
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner

from app.commands.storage import storage as storage_command
from app.local.embedded import free_port
from sinks.storage.lifecycle import RULE_ID
from tests.services import in_own_loop, s3_client, storage_overrides

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from click.testing import Result

    from sinks.storage.bucket import BucketSettings

OF_OTHERS = {
    "ID": "logs",
    "Status": "Enabled",
    "Filter": {"Prefix": "logs/"},
    "Expiration": {"Days": 400},
}


@pytest.fixture
def check(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> Callable[..., Result]:
    """Runs the command against a bucket, in an empty directory."""
    monkeypatch.chdir(tmp_path)

    def run(storage: BucketSettings, *arguments: str, **variables: str) -> Result:
        for name, value in (storage_overrides(storage) | variables).items():
            if value is not None:
                monkeypatch.setenv(name.upper(), str(value))
        result = CliRunner().invoke(storage_command, ["check", *arguments])
        assert str(storage.secret_key) not in result.output
        return result

    return run


def rules_of(storage: BucketSettings) -> list[dict[str, Any]]:
    async def read() -> list[dict[str, Any]]:
        async with s3_client(storage) as client:
            found = await client.get_bucket_lifecycle_configuration(Bucket=storage.bucket)
            return list(found["Rules"])

    return in_own_loop(read())


def set_rules(storage: BucketSettings, *rules: dict[str, Any]) -> None:
    async def write() -> None:
        async with s3_client(storage) as client:
            await client.put_bucket_lifecycle_configuration(
                Bucket=storage.bucket, LifecycleConfiguration={"Rules": list(rules)}
            )

    in_own_loop(write())


def keys_in(storage: BucketSettings) -> list[str]:
    async def read() -> list[str]:
        async with s3_client(storage) as client:
            found = await client.list_objects_v2(Bucket=storage.bucket)
            return [entry["Key"] for entry in found.get("Contents", [])]

    return in_own_loop(read())


def test_storage_that_works_but_has_no_lifecycle_rules_passes_with_a_note(
    check: Callable[..., Result], storage: BucketSettings
) -> None:
    told = check(storage)

    assert told.exit_code == 0
    bucket, link, lifecycle = told.output.splitlines()
    assert bucket.startswith(f"✓ bucket: {storage.bucket} at {storage.endpoint} can be written")
    assert link == "✓ link: a link gives the file to who has it"
    assert lifecycle.startswith("! lifecycle: this storage has no lifecycle rules of S3")
    assert keys_in(storage) == []


def test_such_storage_is_left_alone_when_a_rule_is_to_be_set(
    check: Callable[..., Result], storage: BucketSettings
) -> None:
    told = check(storage, "--set-lifecycle")

    assert told.exit_code == 0
    assert "! lifecycle" in told.output


def test_a_missing_rule_is_wrong_and_can_be_set(check: Callable[..., Result], moto: BucketSettings) -> None:
    missing = check(moto)
    assert missing.exit_code == 1
    assert "✗ lifecycle: no rule removes what is below exports/ → chatlog storage check --set" in (
        missing.output
    )

    assert "✓ lifecycle: what is below exports/ goes after 3 days" in check(moto, "--set-lifecycle").output
    assert check(moto).exit_code == 0


def test_rules_of_others_stay(check: Callable[..., Result], moto: BucketSettings) -> None:
    set_rules(moto, OF_OTHERS)

    check(moto, "--set-lifecycle")
    check(moto, "--set-lifecycle", export_keep_days="5")

    others, ours = rules_of(moto)
    assert {name: others[name] for name in OF_OTHERS} == OF_OTHERS
    assert ours["ID"] == RULE_ID
    assert ours["Filter"] == {"Prefix": "exports/"}
    assert ours["Expiration"]["Days"] == 5
    assert ours["AbortIncompleteMultipartUpload"]["DaysAfterInitiation"] >= 1


@pytest.mark.parametrize(
    ("rule", "said"),
    [
        (
            {"Filter": {"Prefix": ""}, "Expiration": {"Days": 1}},
            "goes after 1 day, and EXPORT_KEEP_DAYS is 3 → another rule removes them sooner",
        ),
        (
            {"Filter": {"Prefix": "exports/"}, "Expiration": {"Days": 30}},
            "goes after 30 days, and EXPORT_KEEP_DAYS is 3 → chatlog storage check --set-lifecycle",
        ),
        (
            {"Filter": {"Prefix": "exports/"}, "Expiration": {"Days": 3}},
            "no rule removes unfinished uploads below exports/ → chatlog storage check --set-lifecycle",
        ),
    ],
)
def test_a_rule_that_is_not_as_the_settings_say_is_wrong(
    check: Callable[..., Result], moto: BucketSettings, rule: dict[str, Any], said: str
) -> None:
    set_rules(moto, {"ID": "theirs", "Status": "Enabled", **rule})

    told = check(moto)

    assert told.exit_code == 1
    assert said in told.output


def test_files_that_anyone_can_read_are_wrong(check: Callable[..., Result], moto: BucketSettings) -> None:
    async def publish() -> None:
        async with s3_client(moto) as client:
            await client.put_bucket_acl(Bucket=moto.bucket, ACL="public-read")

    in_own_loop(publish())

    told = check(moto)

    assert told.exit_code == 1
    assert f"✗ link: files of {moto.bucket} can be had without a link" in told.output


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"bucket": "not-there"}, "correct STORAGE_BUCKET"),
        ({"secret_key": "another"}, "correct STORAGE_SECRET_KEY"),
        ({"endpoint": "http://127.0.0.1:1"}, "cannot be reached (ConnectionRefusedError)"),
    ],
)
def test_wrong_settings_are_one_line_and_exit_1(
    check: Callable[..., Result], storage: BucketSettings, wrong: dict[str, Any], said: str
) -> None:
    told = check(dataclasses.replace(storage, **wrong))

    assert told.exit_code == 1
    (line,) = told.output.splitlines()
    assert line.startswith("✗ bucket: ")
    assert said in line


def test_a_public_endpoint_that_cannot_be_reached_from_here_is_a_note(
    check: Callable[..., Result], storage: BucketSettings
) -> None:
    elsewhere = dataclasses.replace(storage, public_endpoint=f"http://127.0.0.1:{free_port()}")

    told = check(elsewhere)

    assert told.exit_code == 0
    assert "! link: a link cannot be followed from here (ClientConnectorError)" in told.output
    assert keys_in(storage) == []


def test_a_public_endpoint_where_the_link_is_not_valid_is_wrong(
    check: Callable[..., Result], storage: BucketSettings, moto: BucketSettings
) -> None:
    told = check(dataclasses.replace(storage, public_endpoint=moto.endpoint))

    assert told.exit_code == 1
    assert re.search(r"✗ link: a link is refused with status 40\d → correct STORAGE_PUBLIC_END", told.output)
