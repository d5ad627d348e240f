"""Whose data a file is of, and for whom it is made; what is in it, tests/privacy/test_files.py has."""

from __future__ import annotations

import pytest

from models.access import Caller, CallerRole
from models.exports import AskedAs, ExportOptions
from models.threads import CONTENT_KEY
from sinks.exports.learner import learner_count, learner_query
from sinks.exports.scope import NotShared
from sinks.sql import statements


def asked_as(role: CallerRole, *learners: str, tenant: str = "school") -> AskedAs:
    scope = frozenset(f"learner:{learner}" for learner in learners)
    return AskedAs.of(Caller("a@example.org", tenant, frozenset({role}), scope))


@pytest.mark.parametrize(
    "somebody",
    [
        asked_as(CallerRole.LEARNER, "l1"),
        asked_as(CallerRole.PARENT, "l0", "l1"),
        asked_as(CallerRole.COMPLIANCE),
        asked_as(CallerRole.SERVICE),
        asked_as(CallerRole.ADMIN),
    ],
)
def test_it_is_made_for_whoever_may_have_it_of_their_tenant(somebody: AskedAs) -> None:
    query = learner_query("a@example.org", somebody, ExportOptions.of_learner("l1"))
    assert query.arguments == ("school", "l1")


@pytest.mark.parametrize(
    "somebody",
    [
        asked_as(CallerRole.LEARNER, "l2"),
        asked_as(CallerRole.PARENT),
        asked_as(CallerRole.TEACHER, "l1"),
        asked_as(CallerRole.MODERATOR),
        asked_as(CallerRole.COMPLIANCE, "l2"),
        AskedAs(tenant="school", roles=("king",)),
    ],
)
def test_nobody_else_has_one(somebody: AskedAs) -> None:
    for make in (learner_query, learner_count):
        with pytest.raises(NotShared):
            make("a@example.org", somebody, ExportOptions.of_learner("l1"))


def test_of_nobody_in_particular_there_is_none() -> None:
    with pytest.raises(NotShared):
        learner_query("a@example.org", asked_as(CallerRole.ADMIN), ExportOptions())


def test_the_statement_names_what_is_kept_of_a_content_as_the_model_does() -> None:
    assert f"'{CONTENT_KEY}'" in statements("export_data").export_learner_rows
