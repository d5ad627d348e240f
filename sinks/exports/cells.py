"""How a value is written into a cell: as SQL expressions, so that PostgreSQL does the work.

There is one for every value. What no file can hold (a time that no calendar has, JSON that is a gigabyte when
it is written out) becomes a note that says so, and is counted. Which columns there are is decided by
`sinks.exports.columns`.
"""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING

from models.exports import Format

if TYPE_CHECKING:
    from models.exports import ExportOptions


class Kind(Enum):
    """What a column holds, as far as writing it goes."""

    TEXT = "text"
    MOMENT = "moment"
    JSON = "json"
    UUID = "uuid"
    NUMBER = "number"
    FRACTION = "fraction"


#: What is larger is not for a cell: four times what a record of ours may be.
CELL_MAX_BYTES = 16 * 1024 * 1024
#: So many UTF-16 units fit into a cell of a workbook; Excel takes no file that has more.
WORKBOOK_CELL_MAX = 32_767
#: How many cells of the transaction are notes. A setting, as every role may set one, in a snapshot too.
NOT_SHOWN = "chatlog.cells_not_shown"
#: A spreadsheet takes a cell that begins with one for a formula; the full-width and small forms are what
#: input methods of East Asia type, and Excel takes for the same.
FORMULA_STARTS = "=+-@\t\r＝＋－＠﹦﹢﹣﹫"
#: What a spreadsheet strips before it looks, or nobody sees, from and to: spaces of all kinds, controls,
#: marks of direction and byte order, what has no width.
UNSEEN = (
    *((0x01, 0x20), (0x7F, 0xA0), (0xAD, 0xAD), (0x034F, 0x034F), (0x061C, 0x061C), (0x115F, 0x1160)),
    *((0x1680, 0x1680), (0x17B4, 0x17B5), (0x180B, 0x180E), (0x2000, 0x200F), (0x2028, 0x202F)),
    *((0x205F, 0x206F), (0x2800, 0x2800), (0x3000, 0x3000), (0x3164, 0x3164), (0xFE00, 0xFE0F)),
    *((0xFEFF, 0xFEFF), (0xFFA0, 0xFFA0), (0xFFF9, 0xFFFB)),
)
#: So long may a text in a formula be in Excel, which never counts more than there are bytes.
FORMULA_TEXT_MAX_BYTES = 255
#: In the scripts that spreadsheets read numbers in.
_DIGITS = "0-9０-９٠-٩۰-۹०-९০-৯๐-๙½¼¾"
#: What a spreadsheet takes for true or false, in the languages that it speaks.
_TRUTHS = (
    "true|false|wahr|falsch|vrai|faux|verdadero|falso|vero|verdadeiro|waar|onwaar|prawda|fałsz|sant|falskt|"
    "sand|falsk|sann|usann|tosi|epätosi|igaz|hamis|pravda|nepravda|doğru|yanlış|adevărat|fals|benar|salah|"
    "истина|ложь|істина|хибність|真|假|참|거짓"
)
#: JSON so small as it is stored has no room for numbers that are too long.
_SMALL_JSON_BYTES = 1_792
#: The most digits that PostgreSQL writes a number with.
_NUMBER_MAX_BYTES = 131_072


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


_IS_TOO_LONG = {
    True: (
        f"octet_length({{0}}) > {WORKBOOK_CELL_MAX} AND length({{0}}) + length(regexp_replace({{0}}, "
        f"'[\\u0001-\\uFFFF]', '', 'g')) > {WORKBOOK_CELL_MAX}"
    ),
    False: f"octet_length({{0}}) > {CELL_MAX_BYTES}",
}
_TOO_LONG = "[not shown: too long]"
_NO_DATE = "[not shown: timestamp out of range]"
_UNREADABLE = "[not shown: cannot be read]"
# As in Parquet, where times and numbers have no text.
_NOTHING = "NULL"
_NOTE = (
    f"CASE WHEN set_config('{NOT_SHOWN}', (current_setting('{NOT_SHOWN}')::bigint + 1)::text, true) "
    "IS NOT NULL THEN {} END"
)

# Whatever the zone of the session, which differs from server to server.
_MOMENT = """to_char({0} AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')"""
_HAS_DATE = "{0} >= '0001-01-01Z' AND {0} < '10000-01-01Z'"

_UNSEEN_ONES = "[" + "".join(f"\\u{first:04X}-\\u{last:04X}" for first, last in UNSEEN) + "]*"
# By the number of the first character: a quarter of the time that a regular expression takes.
_IS_RUN = (
    f"(ascii({{0}}) IN ({', '.join(str(ord(char)) for char in FORMULA_STARTS)}) "
    "OR (ascii({0}) BETWEEN 1 AND 32 OR ascii({0}) >= 127) AND {0} ~ "
    + _literal(f"^{_UNSEEN_ONES}[{FORMULA_STARTS.replace('-', '')}-]")
    + ")"
)
# Numbers, dates, times, percentages, fractions, sums of money: something with a digit, on one line.
_IS_READ = "{0} ~* " + _literal(
    f"^{_UNSEEN_ONES}(#.*|[^\\n\\r]*[{_DIGITS}][^\\n\\r]*|({_TRUTHS})){_UNSEEN_ONES}$"
)
_IS_NUMBER = "{0} ~ " + _literal(f"^{_UNSEEN_ONES}[{_DIGITS} .,eE+-]+{_UNSEEN_ONES}$")
_AS_FORMULA = """'="' || replace({0}, '"', '""') || '"'"""
# Excel shows a number of 12 digits or more as 1.23E+11, and forgets those after the 15th.
_LONG_NUMBER = """CASE WHEN abs({0}) >= 100000000000 THEN '="' || {0} || '"' ELSE {0}::text END"""

# A number of six characters in JSON, 1e9999, has ten thousand digits when PostgreSQL writes it. To look for
# them is to take it all apart.
_IS_SHORT_JSON = (
    f"(pg_column_size({{0}}) <= {_SMALL_JSON_BYTES} AND pg_column_compression({{0}}) IS NULL "
    "OR jsonb_array_length(jsonb_path_query_array({0}, 'strict $.** ? (@ >= 1e1000 || @ <= -1e1000 "
    f"|| (@ != 0 && @ < 1e-1000 && @ > -1e-1000))')) <= {CELL_MAX_BYTES // _NUMBER_MAX_BYTES})"
)


def written(value: str, kind: Kind, options: ExportOptions) -> str:
    """Return the SQL expression that writes a value.

    Args:
        value: the SQL expression that yields it.
        kind: what it is.
        options: the format, and what is done for spreadsheets.
    """
    if kind is Kind.MOMENT:
        note = _note(_NO_DATE, kind, options)
        return f"CASE WHEN {_HAS_DATE} THEN {_MOMENT} WHEN {{0}} IS NOT NULL THEN {note} END".format(value)
    note = _note(_TOO_LONG, kind, options)
    is_too_long = _IS_TOO_LONG[options.format is Format.XLSX]
    if kind is Kind.JSON:
        as_json = f"CASE WHEN NOT {_IS_SHORT_JSON} THEN {note} ELSE {_json(options)} END".format(value)
        if options.format is not Format.XLSX:
            return as_json
        return (
            f"CASE WHEN NOT {_IS_SHORT_JSON} OR {is_too_long.replace('{0}', '{0}::text')} "
            f"THEN {note} ELSE {{0}}::text END"
        ).format(value)
    if kind is Kind.TEXT:
        return f"CASE WHEN {is_too_long} THEN {note} ELSE {_text(options)} END".format(value)
    is_rounded = kind is Kind.NUMBER and options.for_spreadsheets
    return _LONG_NUMBER.format(value) if is_rounded else value


def unreadable(kind: Kind, options: ExportOptions) -> str:
    """Return the SQL expression of a note in place of a value that PostgreSQL fails to write."""
    return _note(_UNREADABLE, kind, options)


def answer(value: str, max_bytes: int) -> str:
    """Return the SQL expression of a text, or of a note if it is longer than `max_bytes`."""
    note = _NOTE.format(_literal(_TOO_LONG))
    return f"CASE WHEN octet_length({value}) > {max_bytes} THEN {note} ELSE {value} END"


def _note(text: str, kind: Kind, options: ExportOptions) -> str:
    if options.format is Format.PARQUET and kind in {Kind.MOMENT, Kind.NUMBER, Kind.FRACTION}:
        return _NOTE.format(_NOTHING)
    is_object = options.format is Format.JSONL and kind is Kind.JSON
    return _NOTE.format(f"to_jsonb({_literal(text)}::text)" if is_object else _literal(text))


def _json(options: ExportOptions) -> str:
    if options.format is Format.JSONL:
        return "{0}"
    if not (options.safe_cells or options.for_spreadsheets):
        return "{0}::text"
    # To look at the text of an object would be to make it twice, and nobody takes it for anything else.
    bare = _text(options).format("({0}::text)")
    return f"CASE WHEN jsonb_typeof({{0}}) IN ('number', 'boolean') THEN {bare} ELSE {{0}}::text END"


def _text(options: ExportOptions) -> str:
    cases = []
    if options.safe_cells:
        cases.append(f"WHEN {_IS_RUN} THEN '''' || {{0}}")
    if options.for_spreadsheets:
        fits = f"octet_length({{0}}) <= {FORMULA_TEXT_MAX_BYTES}"
        cases.append(f"WHEN {fits} AND ({_IS_RUN} OR {_IS_READ}) THEN {_AS_FORMULA}")
        cases.append(f"WHEN NOT {fits} AND ({_IS_RUN} OR {_IS_NUMBER}) THEN '''' || {{0}}")
    return f"CASE {' '.join(cases)} ELSE {{0}} END" if cases else "{0}"
