"""`python -m benchmarks.said`: fill the database of DATABASE_URL with millions of messages, to look at.

Invented, and the same every time: half of Messenger, with surveys, half in rooms of Twitch, Discord and
VRChat and in sessions with an assistant; in English, Swahili, Arabic, Hindi, Chinese and Thai, whose words
fall by rank as real ones do (Zipf). `sql/said.sql` says who says what. Ten million take 11 GB.
"""

from __future__ import annotations

import asyncio
import random
import time
from datetime import UTC, datetime
from functools import partial
from itertools import accumulate
from typing import TYPE_CHECKING

import click

from app.postgres.connections import connect
from app.settings import load_settings
from models.platforms import WITHOUT_STATE
from sinks.sql import statements

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator

    import asyncpg

    Connect = Callable[[], Awaitable[asyncpg.Connection[asyncpg.Record]]]

_SQL = statements("said", "benchmarks.sql")
#: Written by one statement; divides the blocks in which people talk (`make_said`).
FILL_ROWS = 10_000
WRITERS = 2
#: What one of Messenger's people says in all, on average.
MESSAGES_OF_ONE = 60
#: Of all languages together.
HALVES = 60_000
_VOCABULARY = 6_000
_SEED = 13

#: The commonest words first; the rest of the vocabulary is made of their syllables.
_WORDS = (
    (
        "the to and I you it is in of my we for on have not was do be at "
        "with this they a so are what can no yes how when day week health "
        "child fever doctor visit market road money water food school work "
        "mother father house phone thanks please help vaccine malaria "
        "medicine nurse answer question today tomorrow"
    ),
    (
        "na ya wa ni kwa la katika hii sana yangu sisi wewe mimi leo kesho "
        "jana mtoto homa daktari hospitali chanjo dawa maji chakula shule "
        "kazi mama baba nyumba simu asante tafadhali msaada malaria swali "
        "jibu siku wiki afya soko barabara pesa ndiyo hapana habari nzuri "
        "mbaya kidogo kubwa"
    ),
    (
        "في من على أن هذا ما لا كان مع عن إلى هل نعم كيف متى يوم أسبوع صحة "
        "طفل حمى طبيب زيارة سوق طريق مال ماء طعام مدرسة عمل أم أب بيت هاتف "
        "شكرا فضلك مساعدة لقاح ملاريا دواء ممرضة سؤال جواب اليوم غدا أمس "
        "كبير صغير"
    ),
    (
        "है में का की के और से को पर यह वह नहीं हाँ क्या कब कैसे दिन "
        "सप्ताह स्वास्थ्य बच्चा बुखार डॉक्टर अस्पताल बाज़ार सड़क पैसा पानी "
        "खाना स्कूल काम माँ पिता घर फ़ोन धन्यवाद कृपया मदद टीका मलेरिया "
        "दवा नर्स सवाल जवाब आज कल बड़ा छोटा"
    ),
    (
        "的 我 你 是 了 不 在 有 这 们 他 她 好 吗 什么 怎么 今天 明天 昨天 孩子 发烧 医生 医院 疫苗 "
        "药 水 饭 学校 工作 妈妈 爸爸 家 电话 谢谢 请 帮助 疟疾 护士 问题 回答 "
        "星期 健康 市场 路 钱 大 小 很 多 少"
    ),
    (
        "ที่ และ ใน เป็น มี ไม่ ได้ ไป มา ฉัน คุณ เรา เขา วันนี้ พรุ่งนี้ "
        "เมื่อวาน เด็ก ไข้ หมอ โรงพยาบาล วัคซีน ยา น้ำ อาหาร โรงเรียน งาน "
        "แม่ พ่อ บ้าน โทรศัพท์ ขอบคุณ กรุณา ช่วย มาลาเรีย พยาบาล คำถาม "
        "คำตอบ สัปดาห์ สุขภาพ ตลาด ถนน เงิน ใหญ่ เล็ก มาก น้อย"
    ),
)
#: Between words: Chinese and Thai have nothing there.
_BETWEEN = (" ", " ", " ", " ", "", "")


async def fill(
    connect_: Connect, rows: int, *, months: int = 24, owner: str | None = None, say: Callable[[str], None]
) -> None:
    """Store `rows` messages, evenly over so many months up to now; makes the partitions for them.

    Args:
        connect_: opens a connection of the tables' owner, without a limit on the time of a statement.
        rows: in all; a multiple of `FILL_ROWS` or what is next to it.
        months: this one being the last.
        owner: whose the surveys become; nobody's without.
        say: told of each million.
    """
    connection = await connect_()
    try:
        await connection.execute(f"SELECT chat_log_make_partitions({months}, 1)")
        for platform in WITHOUT_STATE:
            await connection.execute(
                "SELECT make_message_partitions(ARRAY[$1::varchar], $2, 1)", platform, months
            )
        await connection.execute(_SQL.make_halves)
        await connection.execute(_SQL.add_halves, list(_halves()))
        await connection.execute("ANALYZE said_halves")
        await connection.execute(_SQL.make_chance)
        await connection.execute(_SQL.make_said)
        begins = await connection.fetchval(
            "SELECT date_trunc('month', now()) - make_interval(months => $1)", months - 1
        )
        people = max(100, rows // 2 // MESSAGES_OF_ONE)
        await connection.execute(_SQL.name_people, people)
        if owner is not None:
            await connection.execute(_SQL.own_surveys, owner)
        step_ms = (datetime.now(UTC) - begins).total_seconds() * 1000 / rows
        await _write(connect_, rows, (begins, step_ms, people, HALVES), say)
        for drop in (_SQL.drop_said, _SQL.drop_chance, _SQL.drop_halves):
            await connection.execute(drop)
    finally:
        await connection.close()


async def _write(
    connect_: Connect, rows: int, made_of: tuple[object, ...], say: Callable[[str], None]
) -> None:
    numbers = iter(range(0, rows, FILL_ROWS))

    async def write() -> None:
        connection = await connect_()
        try:
            for number in numbers:
                await connection.execute(_SQL.say, number, FILL_ROWS, *made_of)
                if (number + FILL_ROWS) % 1_000_000 == 0:
                    say(f"{number + FILL_ROWS:,} messages")
        finally:
            await connection.close()

    async with asyncio.TaskGroup() as writers:
        for _ in range(WRITERS):
            writers.create_task(write())


def _halves() -> Iterator[str]:
    """Make halves of sentences, of the six languages in turn."""
    chance = random.Random(_SEED)  # noqa: S311  the same every time, and no secret
    languages = [_vocabulary(words.split(), chance) for words in _WORDS]
    # Of rank r, every r-th.
    weights = list(accumulate(1 / rank for rank in range(1, _VOCABULARY + 1)))
    for number in range(HALVES):
        language = number % len(languages)
        words = chance.choices(languages[language], cum_weights=weights, k=chance.randint(2, 9))
        yield _BETWEEN[language].join(words)


def _vocabulary(common: list[str], chance: random.Random) -> list[str]:
    """Return many words, the given ones among the commonest, others of two or three pieces of them."""
    pieces = [word[:3] for word in common]
    made = dict.fromkeys(common)
    while len(made) < _VOCABULARY:
        made["".join(chance.choices(pieces, k=chance.randint(2, 3)))] = None
    return list(made)


@click.command()
@click.option("--rows", type=click.IntRange(FILL_ROWS), default=10_000_000, show_default=True)
@click.option("--months", type=click.IntRange(1, 120), default=24, show_default=True)
@click.option("--owner", metavar="EMAIL", help="Whose the surveys become.")
def main(rows: int, months: int, owner: str | None) -> None:
    """Fill the database of DATABASE_URL with invented messages of every platform.

    Into the tables as they are: run it on one of your own, such as that of `chatlog up --data DIR`. Then
    `chatlog maintain` makes what search needs.
    """
    began = time.monotonic()

    def say(line: str) -> None:
        click.echo(f"{time.monotonic() - began:5.0f} s  {line}")

    open_connection = partial(
        connect, load_settings().database, application_name="benchmarks", statement_timeout_s=0
    )
    asyncio.run(fill(open_connection, rows, months=months, owner=owner, say=say))


if __name__ == "__main__":
    main()
