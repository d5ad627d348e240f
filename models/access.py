"""Who asks, and what they may: callers, their roles and scope, and the one function that decides.

Pure. Who a caller is, a token or a session says (`app.access`). Every read and every write asks `may` before
it is answered; a statement that looks for many things at once keeps to the rule by itself, and a test holds
the two together.

A role is a set of actions, each with its reach: one's own things, those that are shared with one too, or all
of the tenant's. A caller may do what any of their roles lets them. What nothing asks for is no action.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, StrEnum, auto
from types import MappingProxyType
from typing import TYPE_CHECKING

from models.owners import owner_address

if TYPE_CHECKING:
    from collections.abc import Mapping
    from collections.abc import Set as AbstractSet

#: The platform whose channels are sessions, and what in the name of a session ends the name of its app.
ASSISTANT, APP_ENDS = "assistant", ":"

#: The platform whose channels are tenants: its conversations are threads, each of a learner (`subject_id`).
THREADS = "threads"

#: The tenant of whatever names none, and of all that was said on any other platform.
DEFAULT_TENANT = "default"

#: What a scope calls learners by.
LEARNER_KIND = "learner"


class CallerRole(StrEnum):
    """What somebody is here for; its value is what tokens say."""

    OWNER = "owner"
    OPERATOR = "operator"
    MODERATOR = "moderator"
    COMPLIANCE = "compliance"
    ADMIN = "admin"
    SERVICE = "service"
    LEARNER = "learner"
    PARENT = "parent"
    TEACHER = "teacher"

    @property
    def label(self) -> str:
        """What it is for, in a few words for people."""
        return _LABELS[self]


_LABELS = {
    CallerRole.OWNER: "their own surveys, and those shared with them",
    CallerRole.OPERATOR: "reads all conversations and dead letters, and sees how the system is",
    CallerRole.MODERATOR: "reads all conversations, looks up people, sets what is recorded of channels",
    CallerRole.COMPLIANCE: "everybody's exports, as records without their files; who read what; opt-outs",
    CallerRole.ADMIN: "what all of these may, and replays and drops dead letters",
    CallerRole.SERVICE: "a program that hands in events, logs turns and keeps threads, and no person",
    CallerRole.LEARNER: "their own threads: reads and writes them, and has a file made of them",
    CallerRole.PARENT: "the threads of the learners in their scope, and has those erased",
    CallerRole.TEACHER: "the threads of the learners in their scope, and moderates them",
}


class Action(StrEnum):
    """What can be done with something."""

    #: Know of a survey, and how much there is of it.
    SEE_SURVEY = "see_survey"
    #: Have a file made of a survey, and have that file.
    EXPORT_SURVEY = "export_survey"
    #: See and change with whom a survey is shared.
    SHARE_SURVEY = "share_survey"
    #: See that an export was asked for, of what, and how far it is.
    SEE_EXPORT = "see_export"
    #: Have the file of an export; cancel, retry or remove it.
    USE_EXPORT = "use_export"
    #: Read what was said: conversations, messages, search.
    READ_MESSAGES = "read_messages"
    #: Have a file made of messages, by what they are looked for, and have that file.
    EXPORT_MESSAGES = "export_messages"
    #: Look somebody up, with all that they said anywhere.
    SEE_PERSON = "see_person"
    #: See how much is said, and how fast it is answered: sums, and nothing of what was said.
    SEE_FIGURES = "see_figures"
    #: See how workers, brokers and the database are, and what is wrong with them.
    SEE_SYSTEM = "see_system"
    #: See who read what.
    READ_ACCESS_LOG = "read_access_log"
    #: Log turns of an assistant, and read back its sessions.
    LOG_TURNS = "log_turns"
    #: See dead letters, and what is in them.
    READ_DEAD_LETTERS = "read_dead_letters"
    #: Put dead letters back where they came from, or delete them.
    SETTLE_DEAD_LETTERS = "settle_dead_letters"
    #: See what is recorded of which channel.
    SEE_CHANNELS = "see_channels"
    #: Set what is recorded of which channel.
    CHANGE_CHANNELS = "change_channels"
    #: See who opted out of being recorded, do it for them, and delete what was recorded before.
    OPT_OUT_PEOPLE = "opt_out_people"
    #: Fill in what old rows lack.
    BACKFILL = "backfill"
    #: Bring events of a platform, to be captured.
    HAND_IN_EVENTS = "hand_in_events"
    #: Read the threads of learners, with their messages.
    READ_THREADS = "read_threads"
    #: Begin threads, name them and write in them; edit and delete one's own messages.
    WRITE_THREADS = "write_threads"
    #: Write in the name of others, and as what they speak: for programs that do it for people.
    WRITE_FOR_OTHERS = "write_for_others"
    #: Edit and delete any message; archive and delete threads.
    MODERATE_THREADS = "moderate_threads"
    #: Have a file made of all that is kept of a learner, and have that file.
    EXPORT_LEARNER = "export_learner"
    #: Have all that is kept of a learner erased.
    ERASE_LEARNER = "erase_learner"


class Reach(Enum):
    """With which things of the tenant a role lets somebody do an action."""

    #: Those that are theirs.
    OWN = auto()
    #: Those that are theirs, or shared with them.
    SHARED = auto()
    #: Those of the learners whom their scope names; without any in it, none.
    NAMED = auto()
    #: All.
    TENANT = auto()


_OWNER = {
    Action.SEE_SURVEY: Reach.SHARED,
    Action.EXPORT_SURVEY: Reach.SHARED,
    Action.SHARE_SURVEY: Reach.OWN,
    Action.SEE_EXPORT: Reach.OWN,
    Action.USE_EXPORT: Reach.OWN,
    Action.READ_MESSAGES: Reach.SHARED,
    Action.EXPORT_MESSAGES: Reach.SHARED,
    Action.SEE_FIGURES: Reach.SHARED,
}
_OPERATOR = {
    Action.READ_MESSAGES: Reach.TENANT,
    Action.EXPORT_MESSAGES: Reach.TENANT,
    Action.SEE_EXPORT: Reach.OWN,
    Action.USE_EXPORT: Reach.OWN,
    Action.SEE_FIGURES: Reach.TENANT,
    Action.SEE_SYSTEM: Reach.TENANT,
    Action.READ_DEAD_LETTERS: Reach.TENANT,
    Action.SEE_CHANNELS: Reach.TENANT,
    Action.READ_THREADS: Reach.TENANT,
}
_MODERATOR = {
    Action.READ_MESSAGES: Reach.TENANT,
    Action.EXPORT_MESSAGES: Reach.TENANT,
    Action.SEE_EXPORT: Reach.OWN,
    Action.USE_EXPORT: Reach.OWN,
    Action.SEE_PERSON: Reach.TENANT,
    Action.SEE_FIGURES: Reach.TENANT,
    Action.SEE_CHANNELS: Reach.TENANT,
    Action.CHANGE_CHANNELS: Reach.TENANT,
    Action.OPT_OUT_PEOPLE: Reach.TENANT,
    Action.READ_THREADS: Reach.TENANT,
    Action.MODERATE_THREADS: Reach.TENANT,
}
_COMPLIANCE = {
    Action.SEE_EXPORT: Reach.TENANT,
    Action.SEE_FIGURES: Reach.TENANT,
    Action.READ_ACCESS_LOG: Reach.TENANT,
    Action.SEE_CHANNELS: Reach.TENANT,
    Action.OPT_OUT_PEOPLE: Reach.TENANT,
    Action.EXPORT_LEARNER: Reach.TENANT,
    Action.ERASE_LEARNER: Reach.TENANT,
}
_SERVICE = {
    Action.HAND_IN_EVENTS: Reach.TENANT,
    Action.LOG_TURNS: Reach.TENANT,
    Action.READ_THREADS: Reach.TENANT,
    Action.WRITE_THREADS: Reach.TENANT,
    Action.WRITE_FOR_OTHERS: Reach.TENANT,
    Action.MODERATE_THREADS: Reach.TENANT,
    Action.EXPORT_LEARNER: Reach.TENANT,
    Action.ERASE_LEARNER: Reach.TENANT,
}
#: What all do who are here for learners: their threads are read in Conversations, too.
_OF_LEARNERS = {
    Action.READ_MESSAGES: Reach.NAMED,
    Action.READ_THREADS: Reach.NAMED,
    Action.WRITE_THREADS: Reach.NAMED,
}
_LEARNER = _OF_LEARNERS | {Action.EXPORT_LEARNER: Reach.NAMED}
_PARENT = _LEARNER | {Action.ERASE_LEARNER: Reach.NAMED}
_TEACHER = _OF_LEARNERS | {Action.MODERATE_THREADS: Reach.NAMED}
#: What each role may. In a sum of roles, a later one reaches at least as far as one before it.
ROLES: Mapping[CallerRole, Mapping[Action, Reach]] = MappingProxyType(
    {
        CallerRole.OWNER: _OWNER,
        CallerRole.OPERATOR: _OPERATOR,
        CallerRole.MODERATOR: _MODERATOR,
        CallerRole.COMPLIANCE: _COMPLIANCE,
        CallerRole.ADMIN: _OWNER
        | _OPERATOR
        | _MODERATOR
        | _COMPLIANCE
        | _SERVICE
        | {Action.SETTLE_DEAD_LETTERS: Reach.TENANT, Action.BACKFILL: Reach.TENANT},
        CallerRole.SERVICE: _SERVICE,
        CallerRole.LEARNER: _LEARNER,
        CallerRole.PARENT: _PARENT,
        CallerRole.TEACHER: _TEACHER,
    }
)


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks.

    Attributes:
        email: the address, in the one form that addresses are compared in (`models.owners`); of who has none,
            what stands for it (`models.owners.instead_of_address`).
        tenant: whose people and things they are among.
        roles: what they may; more roles never take anything away.
        scope: what they are narrowed to, each as `kind:id` (`survey:Baseline`); empty for no such limit. It
            never gives a right: of what the roles allow, that remains which lies within one of them.
        id: who they are in the words of whoever made their token; their address, if those say nothing.
    """

    email: str
    tenant: str = DEFAULT_TENANT
    roles: frozenset[CallerRole] = frozenset({CallerRole.OWNER})
    scope: frozenset[str] = frozenset()
    id: str = ""

    def __post_init__(self) -> None:
        """Have whoever has no other id be known by their address."""
        if not self.id:
            object.__setattr__(self, "id", self.email)

    def within(self, kind: str) -> frozenset[str] | None:
        """Return the ids of a kind that the scope names; None if the caller is not narrowed at all.

        For statements that look for many things at once: a narrowed caller whose scope names none of the kind
        finds none.
        """
        if not self.scope:
            return None
        return frozenset(part[len(kind) + 1 :] for part in self.scope if part.startswith(f"{kind}:"))


@dataclass(frozen=True, slots=True)
class Thing:
    """Something that is read or changed, as far as the right to it depends on it.

    Attributes:
        owner: the address of whose it is, however it is written; None for what is the tenant's as a whole.
        tenant: of which it is.
        shared_with: the addresses of others who may use it, however they are written.
        within: what it lies within, each as `kind:id` as a scope names it; itself too, if it has such a name.
        made_within: the scope of whoever had it made of many things; who is narrowed to less has none of it.
    """

    owner: str | None = None
    tenant: str = DEFAULT_TENANT
    shared_with: AbstractSet[str] = frozenset()
    within: AbstractSet[str] = frozenset()
    made_within: AbstractSet[str] = frozenset()


def may(caller: Caller, action: Action, thing: Thing) -> bool:
    """Tell whether the caller may do this with that: the one place where it is decided.

    Nobody reaches another tenant's things, whatever their roles.
    """
    if caller.tenant != thing.tenant or (caller.scope and not _lies_within(thing, caller.scope)):
        return False
    reaches = {ROLES[role].get(action) for role in caller.roles}
    if Reach.TENANT in reaches or (Reach.NAMED in reaches and _is_of_a_learner_in(thing, caller.scope)):
        return True
    address = owner_address(caller.email)
    if thing.owner is not None and owner_address(thing.owner) == address:
        return not reaches.isdisjoint({Reach.OWN, Reach.SHARED})
    return Reach.SHARED in reaches and address in {owner_address(other) for other in thing.shared_with}


def _lies_within(thing: Thing, scope: AbstractSet[str]) -> bool:
    if thing.made_within:
        return thing.made_within <= scope
    return not scope.isdisjoint(thing.within)


def _is_of_a_learner_in(thing: Thing, scope: AbstractSet[str]) -> bool:
    return any(part.startswith(f"{LEARNER_KIND}:") for part in scope & thing.within)


def may_at_all(caller: Caller, action: Action) -> bool:
    """Tell whether there can be anything with which the caller may do this: whether their roles have it.

    Whoever may not is told so; what exists and is not theirs looks as if it did not.
    """
    return any(action in ROLES[role] for role in caller.roles)


def survey_thing(owner: str, name: str, shared_with: AbstractSet[str] = frozenset()) -> Thing:
    """Return a survey, which is known by its owner and its name."""
    return Thing(owner, shared_with=shared_with, within=frozenset({f"survey:{name}"}))


def export_thing(asked_by: str, survey: str) -> Thing:
    """Return an export, which belongs to whoever asked for it, and lies within its survey."""
    return Thing(asked_by, within=frozenset({f"survey:{survey}"}))


def messages_export_thing(asked_by: str, tenant: str, scope: AbstractSet[str]) -> Thing:
    """Return an export of messages, which belongs to whoever asked for it, narrowed as they were."""
    return Thing(asked_by, tenant, made_within=scope)


def events_thing(platform: str) -> Thing:
    """Return the events of a platform, which are the tenant's; a scope names it as `platform:twitch`."""
    return Thing(within=frozenset({f"platform:{platform}"}))


def tenant_of(platform: str, channel: str | None) -> str:
    """Return whose it is what was said in a place: of threads, their channel. Without one they are nobody's.

    `sinks.postgres.reading` says the same in SQL, and the database for itself (`row_is_seen`).
    """
    return (channel or "") if platform == THREADS else DEFAULT_TENANT


def thread_thing(tenant: str, learner: str | None) -> Thing:
    """Return a thread of a learner, with all that is said in it; None for those of all learners together."""
    return message_thing(THREADS, tenant, learner=learner)


def message_thing(
    platform: str,
    channel: str | None,
    *,
    survey: str | None = None,
    owner: str | None = None,
    shared_with: AbstractSet[str] = frozenset(),
    learner: str | None = None,
) -> Thing:
    """Return what was said in a place: the survey's owner's, if it is of one, or the tenant's as a whole.

    The sessions of an app, `shop:session_1`, lie within it too: a scope names it as `app:shop`.

    Args:
        platform: where; a scope names it as `platform:twitch`.
        channel: where on it; a scope names it as `channel:twitch/918273645`.
        survey: the name of its survey; None for what is of none.
        owner: the address of whose survey that is.
        shared_with: with whom the survey is shared.
        learner: whose thread it is; a scope names them as `learner:456`. Only threads have one.
    """
    within = {f"platform:{platform}", f"channel:{platform}/{channel or ''}"}
    if platform == ASSISTANT and channel is not None and APP_ENDS in channel:
        within.add(f"app:{channel.partition(APP_ENDS)[0]}")
    if survey is not None:
        within.add(f"survey:{survey}")
    if platform == THREADS and learner is not None:
        within.add(f"{LEARNER_KIND}:{learner}")
    return Thing(owner, tenant_of(platform, channel), shared_with, frozenset(within))


def widest_reach(caller: Caller, action: Action) -> Reach | None:
    """Return how far the caller's roles reach with an action, for statements that look for many things.

    Beside what is theirs or shared with them, somebody may have what is of learners that their scope names:
    `learners_named` tells.
    """
    reaches = {ROLES[role].get(action) for role in caller.roles}
    order = (Reach.TENANT, Reach.SHARED, Reach.OWN, Reach.NAMED)
    return next((reach for reach in order if reach in reaches), None)


def learners_named(caller: Caller, action: Action) -> frozenset[str]:
    """Return the learners with whose things the caller may do this because their scope names them."""
    if all(ROLES[role].get(action) is not Reach.NAMED for role in caller.roles):
        return frozenset()
    return caller.within(LEARNER_KIND) or frozenset()


def own_list(caller: Caller) -> Thing:
    """Return what a list of the caller's own things is asked by; `Caller.within` tells which of it remain."""
    return Thing(caller.email, within=caller.scope)


def everybodys_list(caller: Caller) -> Thing:
    """Return what a list of everybody's things is asked by, of the caller's tenant.

    `Caller.within` tells which of it remain.
    """
    return Thing(tenant=caller.tenant, within=caller.scope)


def whoever_has_the_shell(*, acting_for: str = "shell") -> Caller:
    """Return the caller of commands, which nobody signs in for.

    They run with the rights of DATABASE_URL, which go further than any role; so no role is kept from them.

    Args:
        acting_for: the address of whose things are read or changed; by default nobody's in particular.
    """
    return Caller(owner_address(acting_for), roles=frozenset(CallerRole))
