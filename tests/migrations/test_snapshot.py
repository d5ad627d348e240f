from __future__ import annotations

import pytest

import migrations
from migrations.schema import OTHERS, SNAPSHOT, schema_at
from tests.migrations.snapshots import snapshot


async def test_the_snapshot_is_what_the_migrations_make(open_connection: migrations.Connect) -> None:
    made = await snapshot(open_connection)
    assert SNAPSHOT.read_text() == made, (
        "run `python -m tests.migrations.snapshots`, and look at the difference"
    )


@pytest.mark.parametrize("revision", [None, "9999", migrations.known_revisions()[-1]])
def test_where_the_revision_is_unknown_the_newest_is_meant(revision: str | None) -> None:
    assert schema_at(revision).revision == migrations.known_revisions()[-1]


def test_an_earlier_revision_has_what_was_there_then() -> None:
    assert schema_at("0001").tables == ("chat_log",)
    assert schema_at("0003").tables == ("chat_log", "dead_letters", *OTHERS)
    names = {revision: {index.name for index in schema_at(revision).indexes} for revision in ("0004", "0005")}
    assert names["0004"] - names["0005"] == {"unique_status"}
    assert "export_status_id_idx" in names["0005"] - names["0004"]
