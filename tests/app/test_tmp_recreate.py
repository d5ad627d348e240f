from tests.app.test_table import *
from aiokafka.admin import AIOKafkaAdminClient
import asyncio
async def test_recreated(topics, tmp_path):
    async with running(topics, "rocksdb", tmp_path / "mine") as keeper:
        for n in range(5): await keeper.table.write(1, {b"a": str(n).encode()})
    admin = AIOKafkaAdminClient(**client_settings(topics)); await admin.start()
    await admin.delete_topics([keeper.changelog]); await asyncio.sleep(1)
    await admin.close()
    await ensure_topics(topics)
    async with running(topics, "rocksdb", tmp_path / "mine") as keeper:
        print("RECOVERED", keeper.table.read(1, b"a"))
        await keeper.table.write(1, {b"a": b"x"})
