"""What the tables must hold after a stream: worked out from its facts and the rules, one after the other.

It knows nothing of how records, batches or statements are made; of the product's own it takes what other
tests prove by themselves: ids, and the lot that a sample draws.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

from models.errors import Reason
from models.ids import conversation_key, id_at, lot_of, message_id, message_source
from tests.faults.rooms.facts import Changed, Cleared, Delivery, Said, TakenBack

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

#: A table of rows by key, each row its columns.
Table: TypeAlias = "dict[tuple[Any, ...], dict[str, Any]]"

#: After so long without a message, somebody has left.
STAY_GAP_MS = 30 * 60_000
_DAY_MS = 24 * 60 * 60_000
#: Of blank, hide and keep, the strictest.
_STRICTEST = min
_BY_DEFAULT: Mapping[str, Any] = {
    "is_enabled": True,
    "sampling_rate": 1.0,
    "deletions": "keep",
    "ignored_users": [],
    "bots": True,
    "exempt": [],
}


class Version(NamedTuple):
    """A row of `chat_logging_config_versions`."""

    platform: str
    channel: str
    valid_from_us: int
    is_deleted: bool
    said: Mapping[str, Any]


class OptOut(NamedTuple):
    """A row of `opt_outs`, in µs; from and up to when."""

    platform: str
    person: str
    since_us: int
    until_us: int | None


@dataclass(slots=True)
class _Row:
    """A message of which something is recorded; without `weight`, a sample left it out."""

    platform: str
    said: Said
    time_ms: int
    weight: float | None = None
    keeps_raw: bool = True
    #: When the update was made that told it; None if the message itself did.
    told_ms: int | None = None
    reply_to: str | None = None


@dataclass(slots=True)
class Expected:
    """The tables, by what each row is known by."""

    messages: Table = field(default_factory=dict)
    message_versions: Table = field(default_factory=dict)
    message_clears: Table = field(default_factory=dict)
    message_days: Table = field(default_factory=dict)
    stays: Table = field(default_factory=dict)
    conversations: Table = field(default_factory=dict)
    people: Table = field(default_factory=dict)


class Model:
    """Takes deliveries in the order of the log.

    Args:
        versions: of all rules.
        opt_outs: who does not want to be recorded.
    """

    def __init__(self, versions: Sequence[Version], opt_outs: Sequence[OptOut] = ()) -> None:
        self._versions = sorted(versions, key=lambda version: version.valid_from_us)
        self._opt_outs = opt_outs
        self._first_ms: dict[tuple[str, str], int] = {}
        self._rows: dict[tuple[str, str], _Row] = {}
        self._texts: defaultdict[tuple[str, str], dict[tuple[str, int], Changed]] = defaultdict(dict)
        self._deletions: defaultdict[tuple[str, str], dict[int, str]] = defaultdict(dict)
        self._clears: dict[tuple[str, str, str, int], str] = {}

    def take(self, delivery: Delivery) -> None:
        """Go on by one delivery."""
        for fact in delivery.facts:
            match fact:
                case Said():
                    self._say(delivery.platform, fact)
                case Changed():
                    self._change(delivery.platform, fact)
                case TakenBack():
                    self._take_back(delivery.platform, fact, delivery.came_ms)
                case Cleared():
                    rule = self.rule(delivery.platform, fact.channel, fact.cleared_ms)
                    key = delivery.platform, fact.channel, fact.author or "", fact.cleared_ms
                    self._clears[key] = _STRICTEST(self._clears.get(key, "keep"), rule["deletions"])
                case Reason():
                    continue

    def rule(self, platform: str, channel: str, time_ms: int) -> dict[str, Any]:
        """Return what holds for a channel at a time."""
        # Lines of Twitch's chat are not kept unless somebody wants them.
        resolved = {**_BY_DEFAULT, "keep_raw": platform != "twitch"}
        for name in (("*", "*"), (platform, "*"), (platform, channel)):
            latest = None
            for version in self._versions:
                if (version.platform, version.channel) == name and version.valid_from_us <= time_ms * 1000:
                    latest = version
            if latest is not None and not latest.is_deleted:
                resolved |= {key: value for key, value in latest.said.items() if value is not None}
        return resolved

    # -- one fact after the other

    def _say(self, platform: str, said: Said, told_ms: int | None = None) -> _Row | None:
        """Note a message, as it or an update tells it; return what is recorded of it."""
        who = platform, said.source_id
        time_ms = self._first_ms.setdefault(who, said.time_ms)
        rule = self.rule(platform, said.channel, time_ms)
        if not self._is_recorded(platform, rule, said, time_ms):
            return None
        weight: float | None = 1.0
        if rule["exempt"] and said.exempt & set(rule["exempt"]):
            weight = 1.0
        elif rule["sampling_rate"] < 1:
            is_drawn = lot_of(platform, said.source_id) < rule["sampling_rate"]
            weight = 1 / rule["sampling_rate"] if is_drawn else None
        row = _Row(platform, said, time_ms, weight, rule["keep_raw"], told_ms)
        row.reply_to = self._id_of_answered(platform, said)
        there = self._rows.get(who)
        if there is None or (there.weight is None and weight is not None) or _tells_earlier(row, there):
            self._rows[who] = row
        return row

    def _is_recorded(self, platform: str, rule: Mapping[str, Any], said: Said, time_ms: int) -> bool:
        return (
            rule["is_enabled"]
            and (said.role != "bot" or rule["bots"])
            and said.author not in rule["ignored_users"]
            and not any(
                (out.platform, out.person) == (platform, said.author)
                and out.since_us <= time_ms * 1000
                and (out.until_us is None or time_ms * 1000 < out.until_us)
                for out in self._opt_outs
            )
        )

    def _id_of_answered(self, platform: str, said: Said) -> str | None:
        if said.reply_to is None:
            return None
        said_ms = self._first_ms.get((platform, said.reply_to))
        if platform == "discord":
            said_ms = (int(said.reply_to) >> 22) + 1_420_070_400_000
        return None if said_ms is None else message_id(platform, said.reply_to, said_ms)

    def _change(self, platform: str, change: Changed) -> None:
        if change.whole is not None:
            told_ms = change.time_ms if change.edited_ms is None else change.edited_ms
            row = self._say(platform, change.whole, told_ms)
            if row is None or row.weight is None:
                return
        elif not self.rule(platform, change.channel, change.time_ms)["is_enabled"]:
            return
        kind, changed_ms = (
            ("fill", change.time_ms) if change.edited_ms is None else ("edit", change.edited_ms)
        )
        self._texts[platform, change.source_id][kind, changed_ms] = change

    def _take_back(self, platform: str, deletion: TakenBack, came_ms: int) -> None:
        who = platform, deletion.source_id
        deleted_ms = came_ms if deletion.deleted_ms is None else deletion.deleted_ms
        said_ms = self._first_ms.get(who, deletion.time_ms)
        if said_ms is not None and not self.rule(platform, deletion.channel, said_ms)["is_enabled"]:
            return
        what = self.rule(platform, deletion.channel, deleted_ms)["deletions"]
        known = self._deletions[who]
        known[deleted_ms] = _STRICTEST(known.get(deleted_ms, "keep"), what)

    # -- what it comes to

    def expected(self) -> Expected:
        """Return what the tables must hold now."""
        found = Expected()
        stored = {who: row for who, row in self._rows.items() if row.weight is not None}
        for who, row in stored.items():
            self._add_message(found, who, row)
        self._add_sums(found, stored)
        for (platform, channel, author, cleared_ms), deletion in self._clears.items():
            found.message_clears[platform, channel, author, cleared_ms] = {"deletion": deletion}
        self._add_stays(found)
        for row in self._rows.values():
            found.people[row.platform, row.said.author] = {"name": row.said.name}
        return found

    def _add_message(self, found: Expected, who: tuple[str, str], row: _Row) -> None:
        said, texts = row.said, self._texts.get(who, {})
        content, message_type = said.content, said.message_type
        by_rank = sorted(texts.items(), key=lambda item: (item[0][0] == "edit", item[0][1]))
        if by_rank:
            content, message_type = by_rank[-1][1].content, by_rank[-1][1].message_type
        edits = [changed_ms for kind, changed_ms in texts if kind == "edit"]
        taken_back = self._taken_back(who, row)
        deleted = min(taken_back) if taken_back else None
        deletion = _STRICTEST(taken_back.values()) if taken_back else None
        is_blank = deletion == "blank"
        source = message_source(*who)
        found.messages[id_at(source, row.time_ms),] = {
            "platform": row.platform,
            "timestamp": row.time_ms,
            "channel": said.channel,
            "conversation_id": conversation_key(row.platform, said.channel, said.channel),
            "role": said.role,
            "author_id": said.author,
            "content": "" if is_blank else content,
            "message_type": message_type,
            "reply_to": row.reply_to,
            "weight": row.weight,
            "edited": max(edits, default=None),
            "deleted": deleted,
            "deletion": deletion,
            "has_raw": row.keeps_raw and not is_blank,
        }
        if texts and row.told_ms is None:
            first = {"content": "" if is_blank else said.content, "deletion": None}
            found.message_versions[source, "first", row.time_ms] = first
        for (kind, changed_ms), change in texts.items():
            of_kind = {"content": "" if is_blank else change.content, "deletion": None}
            found.message_versions[source, kind, changed_ms] = of_kind
        for deleted_ms, each in self._deletions.get(who, {}).items():
            found.message_versions[source, "deletion", deleted_ms] = {"content": None, "deletion": each}

    def _taken_back(self, who: tuple[str, str], row: _Row) -> dict[int, str]:
        """Return when a message was taken back, by itself or with others, and by which rule."""
        taken = dict(self._deletions.get(who, {}))
        for (platform, channel, author, cleared_ms), deletion in self._clears.items():
            reaches = _DAY_MS if not author else cleared_ms
            if (
                (platform, channel) == (row.platform, row.said.channel)
                and author in ("", row.said.author)
                and cleared_ms - reaches <= row.time_ms <= cleared_ms
            ):
                taken[cleared_ms] = _STRICTEST(taken.get(cleared_ms, "keep"), deletion)
        return taken

    def _add_sums(self, found: Expected, stored: Mapping[tuple[str, str], _Row]) -> None:
        for row in stored.values():
            said = row.said
            day = datetime.fromtimestamp(row.time_ms / 1000, UTC).date().isoformat()
            key = row.platform, said.channel, day, said.role
            sums = found.message_days.setdefault(key, {"messages": 0, "weight": 0.0, "mirrors": 0})
            sums["messages"] += 1
            sums["weight"] += row.weight
            talk = conversation_key(row.platform, said.channel, said.channel)
            there = found.conversations.setdefault(
                (talk,), {"kind": said.kind, "captured": 0, "started": row.time_ms, "last_at": row.time_ms}
            )
            there["captured"] += 1
            there["started"] = min(there["started"], row.time_ms)
            there["last_at"] = max(there["last_at"], row.time_ms)
        for there in found.conversations.values():
            if there["kind"] == "channel":
                # The days count them; and the last one may be a minute behind.
                there |= {"captured": None, "last_at": None}

    def _add_stays(self, found: Expected) -> None:
        times: defaultdict[tuple[str, str, str], list[int]] = defaultdict(list)
        for row in self._rows.values():
            times[row.platform, row.said.channel, row.said.author].append(row.time_ms)
        for key, all_ms in times.items():
            joined = last = -STAY_GAP_MS * 2
            for time_ms in sorted(all_ms):
                if time_ms - last > STAY_GAP_MS:
                    joined = time_ms
                    found.stays[*key, joined] = {"last_at": time_ms, "messages": 0, "told": False}
                last = time_ms
                stay = found.stays[*key, joined]
                stay["last_at"] = time_ms
                stay["messages"] += 1


def expected_of(
    deliveries: Iterable[Delivery], versions: Sequence[Version], opt_outs: Sequence[OptOut] = ()
) -> Expected:
    """Return what the tables must hold after deliveries."""
    model = Model(versions, opt_outs)
    for delivery in deliveries:
        model.take(delivery)
    return model.expected()


def _tells_earlier(row: _Row, there: _Row) -> bool:
    """Tell whether a row is as this one tells it: a message goes before updates, they go by their time."""
    if row.weight is None or there.told_ms is None:
        return False
    return row.told_ms is None or row.told_ms < there.told_ms
