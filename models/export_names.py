"""What the file of an export is called, and where it is kept. Pure."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from models.days import days_of, zone_named
from models.exports import Compression, Rows, Source
from models.owners import owner_address

if TYPE_CHECKING:
    from datetime import datetime
    from uuid import UUID

    from models.exports import ExportOptions

#: The most a key or a file's name may take of the survey's name, in bytes. What keeps objects as files allows
#: 255 between two slashes.
_NAME_MAX_BYTES = 160
_KEY_MAX_BYTES = 200


def file_name(survey: str, source: Source, options: ExportOptions, made: datetime) -> str:
    """Name the file as the person who downloads it sees it, so that a folder of files tells what is what.

    `Baseline_chat_log_2026-11-24_2026-11-25.csv` is of two days,
    `Baseline_responses_wide_until_2026-11-25.xlsx` of all up to the day it was asked for. What no file system
    takes (slashes, control characters) becomes `_`; anything else stays, emoji too.

    Args:
        survey: its name; empty for messages, which are named by what they were looked for.
        source: what is in it.
        options: which of it.
        made: when it was asked for.
    """
    parts = [survey, source.value] if source.is_of_a_survey else _found_by(source, options)
    name = "_".join(parts)
    name = "".join(char if char.isprintable() and char not in '/\\:*?"<>|' else "_" for char in name)
    return "_".join(
        [
            _cut(name.strip(". ") or "export", _NAME_MAX_BYTES),
            *_kind(source, options),
            _dates(options, made) + _format(options),
        ]
    )


def object_key(owner: str, export_id: UUID, survey: str, source: Source, options: ExportOptions) -> str:
    """Return where the file is kept: below the owner and the export, so that no two share a key."""
    name = _cut(_safe(survey), _KEY_MAX_BYTES)
    return f"exports/{owner_hash(owner)}/{export_id}/{name}{_ending(source, options)}"


def flat_key(survey: str, source: Source, options: ExportOptions) -> str:
    """Return where the system before kept it: by the survey's name alone, whoever the owner is."""
    name = _safe(survey)
    if len(name) > _KEY_MAX_BYTES:
        # Two long names may begin alike.
        name = _cut(name, _KEY_MAX_BYTES - 40) + "-" + hashlib.sha256(survey.encode()).hexdigest()[:32]
    return f"exports/{name}{_ending(source, options)}"


def owner_hash(owner: str) -> str:
    """Return what stands for an owner in keys, so that no listing or link shows an email address."""
    return hashlib.sha256(owner_address(owner).encode()).hexdigest()[:32]


def _found_by(source: Source, options: ExportOptions) -> list[str]:
    given = options.filter
    wanted = given.model_dump(mode="json", exclude_none=True, exclude={"survey_owner"}) if given else {}
    what = "conversations" if options.rows is Rows.CONVERSATION else source.value
    return [what, *wanted.values()]


def _kind(source: Source, options: ExportOptions) -> list[str]:
    """Return what else tells two files of one day apart."""
    said = {
        "wide": options.wide,
        options.direction.value if options.direction else "": options.direction is not None,
        "metadata": options.include_metadata,
        "raw": options.include_raw_payload,
        "unsent": options.include_unsent and source is Source.CHAT_LOG,
    }
    return [word for word, is_so in said.items() if is_so]


def _dates(options: ExportOptions, made: datetime) -> str:
    first, last = days_of(options.since, options.until, zone_named(options.tz))
    if first is None:
        return f"until_{last or options.within(made).date().isoformat()}"
    return f"{first}_{last or options.within(made).date().isoformat()}"


def _ending(source: Source, options: ExportOptions) -> str:
    # The name that others know of a file of responses has none.
    of_source = "" if source is Source.RESPONSES else f"_{source.value}"
    return of_source + _format(options)


def _format(options: ExportOptions) -> str:
    return f".{options.format.value}" + (".gz" if options.compression is Compression.GZIP else "")


def _safe(name: str) -> str:
    """Return a name in characters that every storage, URL and shell takes; different names stay different.

    Letters, digits, `-`, `_`, spaces and dots (but for a leading one) stay; any other byte becomes `=` and
    its two hex digits (a `%` would be decoded by some clients, and encoded once more by others).
    """
    return "".join(
        char
        if char.isascii() and (char.isalnum() or char in "-_ " or (char == "." and position))
        else _hexadecimal(char)
        for position, char in enumerate(name)
    )


def _hexadecimal(char: str) -> str:
    return "".join(f"={byte:02X}" for byte in char.encode("utf-8", "surrogatepass"))


def _cut(name: str, max_bytes: int) -> str:
    return name.encode("utf-8", "replace")[:max_bytes].decode("utf-8", "ignore")
