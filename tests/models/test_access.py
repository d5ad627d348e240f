"""Who may do what with what: a table of cases, and what holds whatever the table says."""

from dataclasses import replace

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from models.access import (
    DEFAULT_TENANT,
    ROLES,
    Action,
    Caller,
    CallerRole,
    Reach,
    Thing,
    events_thing,
    export_thing,
    learners_named,
    may,
    may_at_all,
    message_thing,
    survey_thing,
    tenant_of,
    thread_thing,
    whoever_has_the_shell,
)

ME, COLLEAGUE, STRANGER = "me@example.org", "colleague@example.org", "stranger@example.org"

MINE = survey_thing(ME, "Baseline")
SHARED = survey_thing(COLLEAGUE, "Baseline", frozenset({ME, "fourth@example.org"}))
THEIRS = survey_thing(STRANGER, "Baseline")
MY_EXPORT = export_thing(ME, "Baseline")
#: Of a survey that I share: who asked for it is another, and it is theirs.
THEIR_EXPORT = export_thing(COLLEAGUE, "Baseline")
DEAD_LETTERS = Thing()
CHANNEL = Thing(within=frozenset({"channel:twitch/1", "platform:twitch"}))
EVENTS = events_thing("twitch")
SAID = message_thing("messenger", "page", survey="Baseline", owner=COLLEAGUE, shared_with={ME})
SAID_IN_THEIRS = message_thing("messenger", "page", survey="Baseline", owner=STRANGER)
SAID_IN_A_ROOM = message_thing("twitch", "1")

THREAD = thread_thing(DEFAULT_TENANT, "456")

OWNER, OPERATOR, MODERATOR, COMPLIANCE, ADMIN, SERVICE, LEARNER, PARENT, TEACHER = CallerRole

#: An action, a thing, and the roles of which any lets me do it.
CASES = [
    (Action.SEE_SURVEY, MINE, {OWNER, ADMIN}),
    (Action.SEE_SURVEY, SHARED, {OWNER, ADMIN}),
    (Action.SEE_SURVEY, THEIRS, set()),
    (Action.EXPORT_SURVEY, MINE, {OWNER, ADMIN}),
    (Action.EXPORT_SURVEY, SHARED, {OWNER, ADMIN}),
    (Action.EXPORT_SURVEY, THEIRS, set()),
    (Action.SHARE_SURVEY, MINE, {OWNER, ADMIN}),
    (Action.SHARE_SURVEY, SHARED, set()),
    (Action.SHARE_SURVEY, THEIRS, set()),
    (Action.SEE_EXPORT, MY_EXPORT, {OWNER, OPERATOR, MODERATOR, COMPLIANCE, ADMIN}),
    (Action.SEE_EXPORT, THEIR_EXPORT, {COMPLIANCE, ADMIN}),
    (Action.USE_EXPORT, MY_EXPORT, {OWNER, OPERATOR, MODERATOR, ADMIN}),
    (Action.USE_EXPORT, THEIR_EXPORT, set()),
    (Action.READ_DEAD_LETTERS, DEAD_LETTERS, {OPERATOR, ADMIN}),
    (Action.SETTLE_DEAD_LETTERS, DEAD_LETTERS, {ADMIN}),
    (Action.SEE_CHANNELS, CHANNEL, {OPERATOR, MODERATOR, COMPLIANCE, ADMIN}),
    (Action.CHANGE_CHANNELS, CHANNEL, {MODERATOR, ADMIN}),
    (Action.OPT_OUT_PEOPLE, CHANNEL, {MODERATOR, COMPLIANCE, ADMIN}),
    (Action.READ_MESSAGES, SAID, {OWNER, OPERATOR, MODERATOR, ADMIN}),
    (Action.READ_MESSAGES, SAID_IN_THEIRS, {OPERATOR, MODERATOR, ADMIN}),
    (Action.READ_MESSAGES, SAID_IN_A_ROOM, {OPERATOR, MODERATOR, ADMIN}),
    (Action.EXPORT_MESSAGES, SAID, {OWNER, OPERATOR, MODERATOR, ADMIN}),
    (Action.EXPORT_MESSAGES, SAID_IN_A_ROOM, {OPERATOR, MODERATOR, ADMIN}),
    (Action.SEE_FIGURES, SAID, {OWNER, OPERATOR, MODERATOR, COMPLIANCE, ADMIN}),
    (Action.SEE_FIGURES, SAID_IN_A_ROOM, {OPERATOR, MODERATOR, COMPLIANCE, ADMIN}),
    (Action.SEE_PERSON, CHANNEL, {MODERATOR, ADMIN}),
    (Action.SEE_SYSTEM, Thing(), {OPERATOR, ADMIN}),
    (Action.READ_ACCESS_LOG, Thing(), {COMPLIANCE, ADMIN}),
    (Action.LOG_TURNS, message_thing("assistant", "session_1"), {ADMIN, SERVICE}),
    (Action.BACKFILL, DEAD_LETTERS, {ADMIN}),
    (Action.HAND_IN_EVENTS, EVENTS, {ADMIN, SERVICE}),
    (Action.READ_MESSAGES, THREAD, {OPERATOR, MODERATOR, ADMIN}),
    (Action.READ_THREADS, THREAD, {OPERATOR, MODERATOR, ADMIN, SERVICE}),
    (Action.WRITE_THREADS, THREAD, {ADMIN, SERVICE}),
    (Action.WRITE_FOR_OTHERS, THREAD, {ADMIN, SERVICE}),
    (Action.MODERATE_THREADS, THREAD, {MODERATOR, ADMIN, SERVICE}),
    (Action.EXPORT_LEARNER, THREAD, {COMPLIANCE, ADMIN, SERVICE}),
    (Action.ERASE_LEARNER, THREAD, {COMPLIANCE, ADMIN, SERVICE}),
]

#: An action, and the roles of which any lets somebody do it with the thread of a learner in their scope.
CASES_OF_LEARNERS = [
    (Action.READ_MESSAGES, {OPERATOR, MODERATOR, ADMIN, LEARNER, PARENT, TEACHER}),
    (Action.READ_THREADS, {OPERATOR, MODERATOR, ADMIN, SERVICE, LEARNER, PARENT, TEACHER}),
    (Action.WRITE_THREADS, {ADMIN, SERVICE, LEARNER, PARENT, TEACHER}),
    (Action.MODERATE_THREADS, {MODERATOR, ADMIN, SERVICE, TEACHER}),
    (Action.EXPORT_LEARNER, {COMPLIANCE, ADMIN, SERVICE, LEARNER, PARENT}),
    (Action.ERASE_LEARNER, {COMPLIANCE, ADMIN, SERVICE, PARENT}),
]

callers = st.builds(
    Caller,
    email=st.sampled_from([ME, COLLEAGUE, STRANGER]),
    tenant=st.sampled_from([DEFAULT_TENANT, "acme"]),
    roles=st.frozensets(st.sampled_from(CallerRole)),
    scope=st.frozensets(st.sampled_from(["survey:Baseline", "platform:threads", "learner:7", "learner:8"])),
)
actions = st.sampled_from(Action)
things = st.builds(
    Thing,
    owner=st.none() | st.sampled_from([ME, COLLEAGUE, STRANGER]),
    tenant=st.sampled_from([DEFAULT_TENANT, "acme"]),
    shared_with=st.frozensets(st.sampled_from([ME, COLLEAGUE, STRANGER])),
    within=st.frozensets(st.sampled_from(["survey:Baseline", "platform:threads", "learner:7", "learner:8"])),
)


@pytest.mark.parametrize(("action", "thing", "roles"), CASES)
def test_the_roles_that_let_somebody_do_it_are_those_of_the_table(
    action: Action, thing: Thing, roles: set[CallerRole]
) -> None:
    assert {role for role in CallerRole if may(Caller(ME, roles=frozenset({role})), action, thing)} == roles


@pytest.mark.parametrize(("action", "roles"), CASES_OF_LEARNERS)
def test_the_roles_that_let_somebody_do_it_with_a_learner_of_theirs_are_those_of_the_table(
    action: Action, roles: set[CallerRole]
) -> None:
    def who_may(*scope: str, tenant: str = "acme") -> set[CallerRole]:
        thread = thread_thing("acme", "456")
        callers_ = {role: Caller(ME, tenant, frozenset({role}), frozenset(scope)) for role in CallerRole}
        return {role for role, caller in callers_.items() if may(caller, action, thread)}

    assert who_may("learner:456") == roles
    assert who_may("learner:7", "learner:456") == roles
    assert who_may("learner:7") == who_may("learner:4567") == set(), "nor with another's"
    assert who_may("learner:456", tenant="north") == set(), "nor in another tenant"
    assert who_may("platform:threads") == roles - {LEARNER, PARENT, TEACHER}, "only a learner is named"
    assert who_may() == roles - {LEARNER, PARENT, TEACHER}, "without a scope, nobody is"


def test_who_names_a_learner_without_a_name_reaches_not_all_of_them() -> None:
    everybody = thread_thing("acme", None)
    for role in CallerRole:
        caller = Caller(ME, "acme", frozenset({role}), frozenset({"learner:"}))
        assert not may(caller, Action.READ_THREADS, everybody)
        assert not may(caller, Action.ERASE_LEARNER, everybody)


def test_the_table_of_learners_has_all_that_is_done_with_named_ones() -> None:
    named = {action for role in CallerRole for action, reach in ROLES[role].items() if reach is Reach.NAMED}
    assert named == {action for action, _ in CASES_OF_LEARNERS}


@pytest.mark.parametrize(
    ("platform", "channel", "tenant"),
    [
        ("threads", "acme", "acme"),
        ("threads", DEFAULT_TENANT, DEFAULT_TENANT),
        ("threads", None, ""),
        ("twitch", "acme", DEFAULT_TENANT),
        ("messenger", None, DEFAULT_TENANT),
    ],
)
def test_a_threads_channel_is_its_tenant(platform: str, channel: str | None, tenant: str) -> None:
    assert tenant_of(platform, channel) == message_thing(platform, channel).tenant == tenant


def test_only_a_thread_is_a_learners() -> None:
    assert "learner:7" in message_thing("threads", "acme", learner="7").within
    assert "learner:7" not in message_thing("twitch", "1", learner="7").within


def test_whoever_has_no_other_id_is_known_by_their_address() -> None:
    assert Caller(ME).id == ME
    assert Caller(ME, id="user-456").id == "user-456"


def test_the_table_has_every_action() -> None:
    assert {action for action, _, _ in CASES} == set(Action)
    assert {action for actions_ in ROLES.values() for action in actions_} == set(Action)


def test_whoever_names_no_role_is_an_owner() -> None:
    assert Caller(ME) == Caller(ME, DEFAULT_TENANT, frozenset({CallerRole.OWNER}), frozenset())


def test_an_admin_may_what_everybody_of_the_tenant_may() -> None:
    for role in CallerRole:
        for action, reach in ROLES[role].items():
            assert ROLES[CallerRole.ADMIN][action] in {reach, Reach.TENANT}


def test_an_address_is_one_however_it_is_written() -> None:
    assert may(Caller(ME), Action.SHARE_SURVEY, survey_thing(" Me@Example.ORG", "Baseline"))
    shared = survey_thing(COLLEAGUE, "Baseline", frozenset({"ME@example.org"}))
    assert may(Caller(ME), Action.EXPORT_SURVEY, shared)


def test_a_scope_leaves_what_lies_within_it() -> None:
    narrowed = Caller(ME, scope=frozenset({"survey:Baseline", "learner:7"}))
    assert may(narrowed, Action.EXPORT_SURVEY, MINE)
    assert may(narrowed, Action.SEE_EXPORT, MY_EXPORT)
    assert not may(narrowed, Action.EXPORT_SURVEY, survey_thing(ME, "Endline"))
    assert not may(narrowed, Action.EXPORT_SURVEY, THEIRS), "a scope gives no right"
    bot = Caller(ME, roles=frozenset({SERVICE}), scope=frozenset({"platform:twitch"}))
    assert may(bot, Action.HAND_IN_EVENTS, EVENTS)
    assert not may(bot, Action.HAND_IN_EVENTS, events_thing("discord"))


def test_a_narrowed_caller_does_not_reach_what_lies_nowhere() -> None:
    admin = Caller(ME, roles=frozenset({CallerRole.ADMIN}), scope=frozenset({"survey:Baseline"}))
    assert not may(admin, Action.READ_DEAD_LETTERS, DEAD_LETTERS)


def test_a_scope_tells_statements_which_of_a_kind_remain() -> None:
    assert Caller(ME).within("survey") is None
    narrowed = Caller(ME, scope=frozenset({"survey:Baseline", "survey:a:b", "surveys:x", "learner:7"}))
    assert narrowed.within("survey") == frozenset({"Baseline", "a:b"})
    assert narrowed.within("thread") == frozenset()


def test_commands_may_whatever_anybody_may() -> None:
    shell = whoever_has_the_shell(acting_for=" Me@Example.org")
    assert all(may(shell, action, thing) for action, thing, roles in CASES if roles)
    assert not may(whoever_has_the_shell(), Action.EXPORT_SURVEY, MINE), "nobody's in particular"


@given(callers, actions, things)
def test_nobody_reaches_another_tenant(caller: Caller, action: Action, thing: Thing) -> None:
    assume(caller.tenant != thing.tenant)
    assert not may(caller, action, thing)


@given(callers, actions, things, st.sampled_from(CallerRole))
def test_one_more_role_takes_nothing_away(
    caller: Caller, action: Action, thing: Thing, role: CallerRole
) -> None:
    more = replace(caller, roles=caller.roles | {role})
    assert may(more, action, thing) or not may(caller, action, thing)


@given(callers, actions, things, st.data())
def test_a_narrower_scope_adds_nothing(
    caller: Caller, action: Action, thing: Thing, data: st.DataObject
) -> None:
    parts = sorted(caller.scope or {"survey:Baseline", "platform:threads"})
    narrower = replace(caller, scope=frozenset(data.draw(st.sets(st.sampled_from(parts), min_size=1))))
    assert may(caller, action, thing) or not may(narrower, action, thing)


@given(callers, actions, things)
def test_whoever_may_do_it_with_something_may_do_it_at_all(
    caller: Caller, action: Action, thing: Thing
) -> None:
    assert may_at_all(caller, action) or not may(caller, action, thing)


@given(callers, actions, st.sampled_from(["7", "8", "9"]))
def test_learners_are_named_to_statements_as_to_the_rule(
    caller: Caller, action: Action, learner: str
) -> None:
    named = {role for role in caller.roles if ROLES[role].get(action) is Reach.NAMED}
    by_name = replace(caller, roles=frozenset(named))
    assert (learner in learners_named(caller, action)) == may(
        by_name, action, thread_thing(caller.tenant, learner)
    )


@given(callers, actions, things)
def test_a_caller_without_roles_may_nothing(caller: Caller, action: Action, thing: Thing) -> None:
    assert not may(replace(caller, roles=frozenset()), action, thing)
